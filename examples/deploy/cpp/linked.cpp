// Runs an original in ONNX Runtime alone and fused models with the operator library, and says how far each of them is from the original.
//
//     linked model.onnx fused.onnx ...
#include <onnxruntime_cxx_api.h>
#include <phasor/ops.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

namespace {

// Relative to the largest absolute value of the output.
constexpr float tolerance = 2e-5f;

std::vector<float> logits(Ort::Env& env, const char* path, const Ort::SessionOptions& options) {
  Ort::Session session(env, path, options);
  constexpr std::array<std::int64_t, 2> shape{2, 7};
  std::array<std::int64_t, 14> words{}, mask{};
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = static_cast<std::int64_t>(i * 11 % 48);
  mask.fill(1);

  const auto memory = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault);
  const std::array<Ort::Value, 2> inputs{
      Ort::Value::CreateTensor<std::int64_t>(memory, words.data(), words.size(), shape.data(), shape.size()),
      Ort::Value::CreateTensor<std::int64_t>(memory, mask.data(), mask.size(), shape.data(), shape.size())};
  const std::array names{"input_ids", "attention_mask"};
  const std::array results{"logits"};
  const auto outputs = session.Run(Ort::RunOptions{}, names.data(), inputs.data(), inputs.size(), results.data(), results.size());
  const float* values = outputs[0].GetTensorData<float>();
  return {values, values + outputs[0].GetTensorTypeAndShapeInfo().GetElementCount()};
}

}  // namespace

int main(int count, char** arguments) try {
  if (count < 3) {
    std::fprintf(stderr, "error: no models: give the original and at least one fused model\n");
    return 2;
  }
  Ort::Env env;
  Ort::SessionOptions plain, with_library;
  Ort::ThrowOnError(RegisterCustomOps(with_library, OrtGetApiBase()));
  std::printf("ONNX Runtime %s, operator library %s\n", OrtGetApiBase()->GetVersionString(), phasor_ops_version());

  const auto wanted = logits(env, arguments[1], plain);
  float scale = 0;
  for (const float value : wanted) scale = std::max(scale, std::abs(value));
  bool same = true;
  for (int i = 2; i < count; ++i) {
    const auto got = logits(env, arguments[i], with_library);
    same &= got.size() == wanted.size();
    float most = 0;
    for (std::size_t j = 0; j < std::min(got.size(), wanted.size()); ++j) {
      const float difference = std::abs(got[j] - wanted[j]) / scale;
      // A NaN fails too.
      same &= difference <= tolerance;
      most = std::max(most, difference);
    }
    std::printf("%s: %zu logits, largest difference %.1e of the output's scale\n", arguments[i], got.size(), most);
  }
  return same ? 0 : 1;
} catch (const Ort::Exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}

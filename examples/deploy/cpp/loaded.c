/* Loads the operator library by its path, and a fused model with it, in the C API of ONNX Runtime.
 *
 *     loaded /path/to/libphasor_ops.so fused.onnx
 */
#include <onnxruntime_c_api.h>
#include <stdio.h>
#include <stdlib.h>

static const OrtApi* ort;

static void check(OrtStatus* status) {
  if (status == NULL) return;
  fprintf(stderr, "error: %s\n", ort->GetErrorMessage(status));
  exit(1);
}

int main(int count, char** arguments) {
  if (count != 3) {
    fprintf(stderr, "error: no model: give the operator library and a fused model\n");
    return 2;
  }
  ort = OrtGetApiBase()->GetApi(ORT_API_VERSION);
  if (ort == NULL) {
    fprintf(stderr, "error: ONNX Runtime %s is older than its headers\n", OrtGetApiBase()->GetVersionString());
    return 1;
  }

  OrtEnv* env;
  OrtSessionOptions* options;
  OrtSession* session;
  size_t inputs;
  check(ort->CreateEnv(ORT_LOGGING_LEVEL_WARNING, "fused", &env));
  check(ort->CreateSessionOptions(&options));
  check(ort->RegisterCustomOpsLibrary_V2(options, arguments[1]));
  check(ort->CreateSession(env, arguments[2], options, &session));
  check(ort->SessionGetInputCount(session, &inputs));
  printf("%s: loaded with %s, takes %zu inputs\n", arguments[2], arguments[1], inputs);

  ort->ReleaseSession(session);
  ort->ReleaseSessionOptions(options);
  ort->ReleaseEnv(env);
  return 0;
}

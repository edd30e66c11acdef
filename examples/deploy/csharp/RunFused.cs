using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.OnnxRuntime;

/// <summary>Runs an original in ONNX Runtime alone and a fused model with the operator library, and says how far they are from each other.</summary>
internal static class RunFused
{
    /// <summary>Relative to the largest absolute value of the output.</summary>
    private const float Tolerance = 2e-5f;

    private static float[] Logits(string path, SessionOptions options)
    {
        var shape = new long[] { 2, 7 };
        var words = Enumerable.Range(0, 14).Select(i => (long)(i * 11 % 48)).ToArray();
        var mask = Enumerable.Repeat(1L, 14).ToArray();
        using (var session = new InferenceSession(path, options))
        using (var inputIds = OrtValue.CreateTensorValueFromMemory(words, shape))
        using (var attentionMask = OrtValue.CreateTensorValueFromMemory(mask, shape))
        using (var run = new RunOptions())
        {
            var inputs = new Dictionary<string, OrtValue> { ["input_ids"] = inputIds, ["attention_mask"] = attentionMask };
            using (var outputs = session.Run(run, inputs, session.OutputNames))
            {
                return outputs[0].GetTensorDataAsSpan<float>().ToArray();
            }
        }
    }

    private static int Main(string[] arguments)
    {
        if (arguments.Length != 3)
        {
            Console.Error.WriteLine("error: no models: give the original, the fused model and the operator library");
            return 2;
        }
        using (var plain = new SessionOptions())
        using (var withLibrary = new SessionOptions())
        {
            withLibrary.RegisterCustomOpLibrary(arguments[2]);
            var wanted = Logits(arguments[0], plain);
            var got = Logits(arguments[1], withLibrary);
            var scale = wanted.Max(Math.Abs);
            var differences = got.Zip(wanted, (a, b) => Math.Abs(a - b) / scale).ToArray();
            Console.WriteLine($"{got.Length} logits, largest difference {differences.Max():E1} of the output's scale");
            // A NaN fails too.
            return got.Length == wanted.Length && differences.All(difference => difference <= Tolerance) ? 0 : 1;
        }
    }
}

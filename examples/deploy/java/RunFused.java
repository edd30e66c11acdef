import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.util.Map;

/** Runs an original in ONNX Runtime alone and a fused model with the operator library, and says how far they are from each other. */
public final class RunFused {
    /** Relative to the largest absolute value of the output. */
    private static final float TOLERANCE = 2e-5f;

    private RunFused() {}

    private static float[][][] logits(OrtEnvironment environment, String path, OrtSession.SessionOptions options) throws OrtException {
        long[][] words = new long[2][7];
        long[][] mask = new long[2][7];
        for (int i = 0; i < 14; i++) {
            words[i / 7][i % 7] = i * 11 % 48;
            mask[i / 7][i % 7] = 1;
        }
        try (OrtSession session = environment.createSession(path, options);
                OnnxTensor inputIds = OnnxTensor.createTensor(environment, words);
                OnnxTensor attentionMask = OnnxTensor.createTensor(environment, mask);
                OrtSession.Result outputs = session.run(Map.of("input_ids", inputIds, "attention_mask", attentionMask))) {
            return (float[][][]) outputs.get("logits").orElseThrow().getValue();
        }
    }

    public static void main(String[] arguments) throws OrtException {
        if (arguments.length != 3) {
            System.err.println("error: no models: give the original, the fused model and the operator library");
            System.exit(2);
        }
        float[][][] wanted;
        float[][][] got;
        OrtEnvironment environment = OrtEnvironment.getEnvironment();
        try (OrtSession.SessionOptions plain = new OrtSession.SessionOptions();
                OrtSession.SessionOptions withLibrary = new OrtSession.SessionOptions()) {
            withLibrary.registerCustomOpLibrary(arguments[2]);
            wanted = logits(environment, arguments[0], plain);
            got = logits(environment, arguments[1], withLibrary);
        }

        float scale = 0;
        float most = 0;
        for (int b = 0; b < wanted.length; b++) {
            for (int s = 0; s < wanted[b].length; s++) {
                for (int w = 0; w < wanted[b][s].length; w++) {
                    scale = Math.max(scale, Math.abs(wanted[b][s][w]));
                    // A NaN stays one.
                    most = Math.max(most, Math.abs(got[b][s][w] - wanted[b][s][w]));
                }
            }
        }
        System.out.printf("ONNX Runtime %s: largest difference %.1e of the output's scale%n", environment.getVersion(), most / scale);
        System.exit(most / scale <= TOLERANCE ? 0 : 1);
    }
}

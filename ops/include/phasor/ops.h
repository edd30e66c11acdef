/* The operator library of Phasor, for programs that are linked with it. It takes ONNX Runtime from 1.17 on. */
#ifndef PHASOR_OPS_H
#define PHASOR_OPS_H

#include <onnxruntime_c_api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Adds the operators to the options of a session. `base` is OrtGetApiBase(), of the ONNX Runtime that made the options. Doing it again for the
 * same options changes nothing. A status that is not null is an error, and the caller's to release.
 *
 * Every library of custom operators exports this name: a program that uses two of them loads them by their paths instead, with
 * RegisterCustomOpsLibrary_V2.
 */
OrtStatus* ORT_API_CALL RegisterCustomOps(OrtSessionOptions* options, const OrtApiBase* base);

/* The version of the library, a string that lives as long as the process. */
const char* phasor_ops_version(void);

#ifdef __cplusplus
}
#endif

#endif

// The C interface to libtorch. `CTorch` is the only target that includes libtorch's headers.
//
// Every function is noexcept. Functions that can fail return a ct_status and, on failure, copy one
// line of text into the caller's buffer. Handles are reference-counted by libtorch: each handle
// that a function hands out must be released once.
#ifndef CTORCH_H
#define CTORCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ct_tensor ct_tensor;
typedef struct ct_operator ct_operator;
typedef struct ct_generator ct_generator;
typedef struct ct_inference_guard ct_inference_guard;

typedef enum ct_status { CT_OK = 0, CT_FAILED = 1, CT_OUT_OF_MEMORY = 2 } ct_status;

// Where a failing function writes its message.
typedef struct ct_message {
  char *text;
  size_t capacity;
} ct_message;

// --- operators (operators.cpp) ----------------------------------------------------------------

typedef enum ct_tag {
  CT_NONE,
  CT_TENSOR,               // pointer: ct_tensor, borrowed
  CT_INT,                  // integer
  CT_DOUBLE,               // number
  CT_BOOL,                 // integer, 0 or 1
  CT_STRING,               // pointer: UTF-8 bytes, count
  CT_INT_LIST,             // pointer: int64_t, count
  CT_DOUBLE_LIST,          // pointer: double, count
  CT_TENSOR_LIST,          // pointer: ct_tensor *, count
  CT_OPTIONAL_TENSOR_LIST, // as CT_TENSOR_LIST; a null entry is absent
  CT_DEVICE,               // integer: device type, count: device index
  CT_GENERATOR,            // pointer: ct_generator, borrowed
  CT_DEFAULT               // the default of the operator's schema
} ct_tag;

typedef struct ct_value {
  ct_tag tag;
  int64_t integer;
  double number;
  const void *pointer;
  int64_t count;
} ct_value;

// Finds an operator by name ("aten::add") and overload ("Tensor", or "").
ct_status ct_operator_find(const char *name, const char *overload, ct_operator **found,
                           ct_message message);

// Calls an operator through the boxed dispatcher. Arguments that are left out at the end take the
// schema's defaults. A tensor list in the results is flattened; handles in the results are owned by
// the caller.
ct_status ct_operator_call(const ct_operator *op, const ct_value *arguments, int64_t argument_count,
                           ct_value *results, int64_t capacity, int64_t *result_count,
                           ct_message message);

// --- tensors (tensors.cpp) ----------------------------------------------------------------------

ct_tensor *ct_tensor_retain(ct_tensor *tensor);
void ct_tensor_release(ct_tensor *tensor);
int64_t ct_tensor_rank(const ct_tensor *tensor);
int64_t ct_tensor_size(const ct_tensor *tensor, int64_t dim);
int64_t ct_tensor_stride(const ct_tensor *tensor, int64_t dim);
int64_t ct_tensor_element_count(const ct_tensor *tensor);
int32_t ct_tensor_dtype(const ct_tensor *tensor);
int32_t ct_tensor_device_type(const ct_tensor *tensor);
int32_t ct_tensor_device_index(const ct_tensor *tensor);
bool ct_tensor_is_contiguous(const ct_tensor *tensor);
bool ct_tensor_requires_grad(const ct_tensor *tensor);
bool ct_tensor_is_leaf(const ct_tensor *tensor);

// The first element in host memory; null for tensors of another device.
void *ct_tensor_data(const ct_tensor *tensor);

// A tensor over memory of the caller; `release(context)` is called when libtorch is done with it.
ct_status ct_tensor_from_memory(void *data, const int64_t *sizes, int64_t rank, int32_t dtype,
                                void (*release)(void *), void *context, ct_tensor **made,
                                ct_message message);

// --- autograd and modes (autograd.cpp)
// ------------------------------------------------------------

ct_status ct_tensor_set_requires_grad(ct_tensor *tensor, bool requires_grad, ct_message message);
// The accumulated gradient, or null.
ct_tensor *ct_tensor_grad(const ct_tensor *tensor);
void ct_tensor_clear_grad(ct_tensor *tensor);
ct_status ct_backward(ct_tensor *const *outputs, int64_t count, ct_tensor *const *gradients,
                      bool retain_graph, bool create_graph, ct_message message);
// Gradients of `outputs` with respect to `inputs`; a null entry means "does not depend on it".
ct_status ct_gradients(ct_tensor *const *outputs, int64_t output_count,
                       ct_tensor *const *output_gradients, ct_tensor *const *inputs,
                       int64_t input_count, bool retain_graph, bool create_graph,
                       ct_tensor **gradients, ct_message message);

// Computes the gradients of the inputs of a computation from those of its outputs, some of which
// may be null. Writes owned handles, or null for an input that needs none.
typedef ct_status (*ct_gradient_function)(void *context, ct_tensor *const *output_gradients,
                                          int64_t output_count, ct_tensor **input_gradients,
                                          int64_t input_count, ct_message message);
// Makes `outputs`, which were computed without a graph, depend on `inputs`. `release(context)` is
// called once, when the graph is let go; at once if no input requires a gradient.
ct_status ct_attach_gradient(ct_tensor *const *inputs, int64_t input_count,
                             ct_tensor *const *outputs, int64_t output_count,
                             ct_gradient_function function, void (*release)(void *), void *context,
                             ct_message message);

bool ct_grad_mode_enabled(void);
void ct_grad_mode_set(bool enabled);
ct_inference_guard *ct_inference_guard_enter(void);
void ct_inference_guard_leave(ct_inference_guard *guard);
// The dtype of autocast on a device type, or -1 when it is off there.
int32_t ct_autocast_dtype(int32_t device_type);
void ct_autocast_set(int32_t device_type, int32_t dtype);

// --- runtime (runtime.cpp)
// --------------------------------------------------------------------------

ct_status ct_generator_make(int32_t device_type, int32_t device_index, uint64_t seed,
                            ct_generator **made, ct_message message);
void ct_generator_release(ct_generator *generator);
ct_status ct_generator_state(const ct_generator *generator, ct_tensor **state, ct_message message);
ct_status ct_generator_set_state(ct_generator *generator, const ct_tensor *state,
                                 ct_message message);

const char *ct_version(void);
// "AVX512", "AVX2", ... : the kernels that libtorch chose for this processor.
const char *ct_cpu_capability(void);
bool ct_has_mkldnn(void);
bool ct_has_cuda(void);
// Opens libtorch's CUDA library beside libtorch_cpu, if it is installed.
ct_status ct_load_cuda(ct_message message);
int32_t ct_cuda_device_count(void);
int64_t ct_device_peak_bytes(int32_t device_type, int32_t device_index);
// Whether only algorithms with a fixed order of sums are used; others then fail.
void ct_set_deterministic(bool deterministic);
bool ct_deterministic(void);
int32_t ct_thread_count(void);
void ct_set_thread_count(int32_t count);

// --- processor path of MKL (mkl_vendor.c)
// -----------------------------------------------------------

typedef enum ct_mkl_path {
  CT_MKL_NATIVE = 0,      // an Intel processor: MKL's own choice
  CT_MKL_AMD = 1,         // AMD with AVX2 or more: MKL chooses as on Intel
  CT_MKL_GENERIC = 2,     // another processor: MKL's generic path
  CT_MKL_SWITCHED_OFF = 3 // AMD with AVX2 or more, switched off by DINOV2_MKL_AMD=0
} ct_mkl_path;
ct_mkl_path ct_mkl_path_taken(void);

#ifdef __cplusplus
}
#endif

#endif

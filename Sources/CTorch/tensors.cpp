// Handles to tensors: sizes, memory, lifetime.

#include "internal.h"

#include <ATen/ops/from_blob.h>

using ctorch::impl;

ct_tensor *ct_tensor_retain(ct_tensor *tensor) { return ctorch::hand_over(ctorch::borrow(tensor)); }

void ct_tensor_release(ct_tensor *tensor) {
  c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim(
      reinterpret_cast<c10::TensorImpl *>(tensor));
}

int64_t ct_tensor_rank(const ct_tensor *tensor) { return impl(tensor)->dim(); }

int64_t ct_tensor_size(const ct_tensor *tensor, int64_t dim) {
  return impl(tensor)->sizes().data()[dim];
}

int64_t ct_tensor_stride(const ct_tensor *tensor, int64_t dim) {
  return impl(tensor)->strides().data()[dim];
}

int64_t ct_tensor_element_count(const ct_tensor *tensor) { return impl(tensor)->numel(); }

int32_t ct_tensor_dtype(const ct_tensor *tensor) {
  return static_cast<int32_t>(c10::typeMetaToScalarType(impl(tensor)->dtype()));
}

int32_t ct_tensor_device_type(const ct_tensor *tensor) {
  return static_cast<int32_t>(impl(tensor)->device().type());
}

int32_t ct_tensor_device_index(const ct_tensor *tensor) { return impl(tensor)->device().index(); }

bool ct_tensor_is_contiguous(const ct_tensor *tensor) { return impl(tensor)->is_contiguous(); }

bool ct_tensor_requires_grad(const ct_tensor *tensor) {
  return ctorch::borrow(tensor).requires_grad();
}

bool ct_tensor_is_leaf(const ct_tensor *tensor) { return ctorch::borrow(tensor).is_leaf(); }

void *ct_tensor_data(const ct_tensor *tensor) {
  void *data = nullptr;
  char text[1];
  ctorch::guarded({text, sizeof text}, [&] {
    const at::Tensor host = ctorch::borrow(tensor);
    if (host.is_cpu())
      data = host.data_ptr();
  });
  return data;
}

ct_status ct_tensor_from_memory(void *data, const int64_t *sizes, int64_t rank, int32_t dtype,
                                void (*release)(void *), void *context, ct_tensor **made,
                                ct_message message) {
  return ctorch::guarded(message, [&] {
    const auto options = at::TensorOptions().dtype(static_cast<c10::ScalarType>(dtype));
    *made = ctorch::hand_over(at::from_blob(
        data, c10::IntArrayRef(sizes, rank), [release, context](void *) { release(context); },
        options));
  });
}

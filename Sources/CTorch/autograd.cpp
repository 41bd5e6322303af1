// Backward passes and the modes that libtorch keeps per thread.

#include "internal.h"

#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>

namespace {

torch::autograd::variable_list borrowed(ct_tensor *const *tensors, int64_t count) {
  torch::autograd::variable_list list;
  if (tensors == nullptr)
    return list;
  list.reserve(count);
  for (int64_t i = 0; i < count; ++i)
    list.push_back(tensors[i] == nullptr ? at::Tensor() : ctorch::borrow(tensors[i]));
  return list;
}

} // namespace

ct_status ct_tensor_set_requires_grad(ct_tensor *tensor, bool requires_grad, ct_message message) {
  return ctorch::guarded(message, [&] { ctorch::borrow(tensor).requires_grad_(requires_grad); });
}

ct_tensor *ct_tensor_grad(const ct_tensor *tensor) {
  const at::Tensor grad = ctorch::borrow(tensor).grad();
  return grad.defined() ? ctorch::hand_over(grad) : nullptr;
}

void ct_tensor_clear_grad(ct_tensor *tensor) {
  ctorch::borrow(tensor).mutable_grad() = at::Tensor();
}

ct_status ct_backward(ct_tensor *const *outputs, int64_t count, ct_tensor *const *gradients,
                      bool retain_graph, bool create_graph, ct_message message) {
  return ctorch::guarded(message, [&] {
    torch::autograd::backward(borrowed(outputs, count), borrowed(gradients, count), retain_graph,
                              create_graph);
  });
}

ct_status ct_gradients(ct_tensor *const *outputs, int64_t output_count,
                       ct_tensor *const *output_gradients, ct_tensor *const *inputs,
                       int64_t input_count, bool retain_graph, bool create_graph,
                       ct_tensor **gradients, ct_message message) {
  return ctorch::guarded(message, [&] {
    const auto found = torch::autograd::grad(
        borrowed(outputs, output_count), borrowed(inputs, input_count),
        borrowed(output_gradients, output_count), retain_graph, create_graph, true);
    for (int64_t i = 0; i < input_count; ++i)
      gradients[i] = found[i].defined() ? ctorch::hand_over(found[i]) : nullptr;
  });
}

bool ct_grad_mode_enabled(void) { return c10::GradMode::is_enabled(); }

void ct_grad_mode_set(bool enabled) { c10::GradMode::set_enabled(enabled); }

ct_inference_guard *ct_inference_guard_enter(void) {
  return reinterpret_cast<ct_inference_guard *>(new c10::InferenceMode(true));
}

void ct_inference_guard_leave(ct_inference_guard *guard) {
  delete reinterpret_cast<c10::InferenceMode *>(guard);
}

int32_t ct_autocast_dtype(int32_t device_type) {
  const auto device = static_cast<c10::DeviceType>(device_type);
  if (!at::autocast::is_autocast_enabled(device))
    return -1;
  return static_cast<int32_t>(at::autocast::get_autocast_dtype(device));
}

void ct_autocast_set(int32_t device_type, int32_t dtype) {
  const auto device = static_cast<c10::DeviceType>(device_type);
  if (dtype < 0) {
    at::autocast::set_autocast_enabled(device, false);
    at::autocast::clear_cache();
    return;
  }
  at::autocast::set_autocast_dtype(device, static_cast<c10::ScalarType>(dtype));
  at::autocast::set_autocast_enabled(device, true);
}

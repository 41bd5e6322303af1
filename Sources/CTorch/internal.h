// Shared by the shim's C++ files: handles to tensors and the translation of exceptions.
#pragma once

#include "ctorch.h"

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace ctorch {

// A ct_tensor is the address of libtorch's reference-counted TensorImpl.
inline at::Tensor borrow(const ct_tensor *handle) {
  auto *impl = reinterpret_cast<c10::TensorImpl *>(const_cast<ct_tensor *>(handle));
  return at::Tensor(
      c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim_copy(impl));
}

inline const c10::TensorImpl *impl(const ct_tensor *handle) {
  return reinterpret_cast<const c10::TensorImpl *>(handle);
}

inline ct_tensor *hand_over(at::Tensor tensor) {
  return reinterpret_cast<ct_tensor *>(tensor.unsafeReleaseTensorImpl());
}

// Copies the first line of `text` into the caller's buffer.
inline void write_message(ct_message message, const char *text) noexcept {
  if (message.text == nullptr || message.capacity == 0)
    return;
  size_t length = std::min(std::strcspn(text, "\n"), message.capacity - 1);
  std::memcpy(message.text, text, length);
  message.text[length] = '\0';
}

inline bool is_out_of_memory(const char *text) noexcept {
  return std::strstr(text, "can't allocate memory") != nullptr ||
         std::strstr(text, "out of memory") != nullptr;
}

// Runs `body` and turns what it throws into a status and a message.
template <typename Body> ct_status guarded(ct_message message, Body body) noexcept {
  try {
    body();
    return CT_OK;
  } catch (const c10::Error &error) {
    const char *text = error.what_without_backtrace();
    write_message(message, text);
    return is_out_of_memory(text) ? CT_OUT_OF_MEMORY : CT_FAILED;
  } catch (const std::bad_alloc &) {
    write_message(message, "out of host memory");
    return CT_OUT_OF_MEMORY;
  } catch (const std::exception &error) {
    write_message(message, error.what());
    return is_out_of_memory(error.what()) ? CT_OUT_OF_MEMORY : CT_FAILED;
  } catch (...) {
    write_message(message, "an exception of unknown type in libtorch");
    return CT_FAILED;
  }
}

} // namespace ctorch

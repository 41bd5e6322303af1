// One function that calls any operator of libtorch through its boxed dispatcher.

#include "internal.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>

using c10::IValue;

namespace {

const c10::OperatorHandle &handle(const ct_operator *op) {
  return *reinterpret_cast<const c10::OperatorHandle *>(op);
}

template <typename T> c10::ArrayRef<T> list(const ct_value &value) {
  return {static_cast<const T *>(value.pointer), static_cast<size_t>(value.count)};
}

IValue tensor_list(const ct_value &value) {
  c10::List<at::Tensor> tensors;
  tensors.reserve(value.count);
  for (const ct_tensor *tensor : list<const ct_tensor *>(value))
    tensors.push_back(ctorch::borrow(tensor));
  return tensors;
}

IValue optional_tensor_list(const ct_value &value) {
  c10::List<std::optional<at::Tensor>> tensors;
  tensors.reserve(value.count);
  for (const ct_tensor *tensor : list<const ct_tensor *>(value))
    tensors.push_back(tensor == nullptr ? std::nullopt
                                        : std::optional<at::Tensor>(ctorch::borrow(tensor)));
  return tensors;
}

IValue boxed(const ct_value &value, const c10::Argument &parameter) {
  switch (value.tag) {
  case CT_NONE:
    return IValue();
  case CT_TENSOR:
    return IValue(ctorch::borrow(static_cast<const ct_tensor *>(value.pointer)));
  case CT_INT:
    return IValue(value.integer);
  case CT_DOUBLE:
    return IValue(value.number);
  case CT_BOOL:
    return IValue(value.integer != 0);
  case CT_STRING:
    return IValue(std::string(static_cast<const char *>(value.pointer), value.count));
  case CT_INT_LIST:
    return IValue(list<int64_t>(value));
  case CT_DOUBLE_LIST:
    return IValue(list<double>(value));
  case CT_TENSOR_LIST:
    return tensor_list(value);
  case CT_OPTIONAL_TENSOR_LIST:
    return optional_tensor_list(value);
  case CT_DEVICE:
    return IValue(c10::Device(static_cast<c10::DeviceType>(value.integer),
                              static_cast<c10::DeviceIndex>(value.count)));
  case CT_GENERATOR:
    return IValue(*static_cast<const at::Generator *>(value.pointer));
  case CT_DEFAULT:
    TORCH_CHECK(parameter.default_value().has_value(), "argument ", parameter.name(),
                " has no default");
    return *parameter.default_value();
  }
  TORCH_CHECK(false, "argument ", parameter.name(), " has an unknown tag");
}

class Results {
public:
  Results(ct_value *values, int64_t capacity) : values(values), capacity(capacity) {}
  ~Results() {
    if (complete)
      return;
    for (int64_t i = 0; i < count; ++i)
      if (values[i].tag == CT_TENSOR)
        ct_tensor_release(static_cast<ct_tensor *>(const_cast<void *>(values[i].pointer)));
  }

  void append(const IValue &value) {
    if (value.isTensor()) {
      const at::Tensor &tensor = value.toTensor();
      push(tensor.defined() ? ct_value{CT_TENSOR, 0, 0, ctorch::hand_over(tensor), 0}
                            : ct_value{CT_NONE, 0, 0, nullptr, 0});
    } else if (value.isTensorList()) {
      for (const at::Tensor &tensor : value.toTensorVector())
        append(IValue(tensor));
    } else if (value.isInt()) {
      push({CT_INT, value.toInt(), 0, nullptr, 0});
    } else if (value.isDouble()) {
      push({CT_DOUBLE, 0, value.toDouble(), nullptr, 0});
    } else if (value.isBool()) {
      push({CT_BOOL, value.toBool() ? 1 : 0, 0, nullptr, 0});
    } else {
      push({CT_NONE, 0, 0, nullptr, 0});
    }
  }

  int64_t count = 0;
  bool complete = false;

private:
  void push(ct_value value) {
    if (count == capacity) {
      if (value.tag == CT_TENSOR)
        ct_tensor_release(static_cast<ct_tensor *>(const_cast<void *>(value.pointer)));
      TORCH_CHECK(false, "the operator returns more than ", capacity, " values");
    }
    values[count++] = value;
  }

  ct_value *values;
  int64_t capacity;
};

} // namespace

ct_status ct_operator_find(const char *name, const char *overload, ct_operator **found,
                           ct_message message) {
  return ctorch::guarded(message, [&] {
    auto op = c10::Dispatcher::singleton().findSchema({name, overload});
    TORCH_CHECK(op.has_value(), "libtorch ", ct_version(), " has no operator ", name, ".",
                overload);
    // Operators live as long as the process: the handle is cached by the caller and never freed.
    *found = reinterpret_cast<ct_operator *>(new c10::OperatorHandle(*op));
  });
}

ct_status ct_operator_call(const ct_operator *op, const ct_value *arguments, int64_t argument_count,
                           ct_value *results, int64_t capacity, int64_t *result_count,
                           ct_message message) {
  return ctorch::guarded(message, [&] {
    const auto &parameters = handle(op).schema().arguments();
    const auto parameter_count = static_cast<int64_t>(parameters.size());
    TORCH_CHECK(argument_count <= parameter_count, "takes ", parameter_count, " arguments, given ",
                argument_count);
    std::vector<IValue> stack;
    stack.reserve(parameter_count);
    const ct_value left_out{CT_DEFAULT, 0, 0, nullptr, 0};
    for (int64_t i = 0; i < parameter_count; ++i)
      stack.push_back(boxed(i < argument_count ? arguments[i] : left_out, parameters[i]));
    handle(op).callBoxed(stack);
    Results out(results, capacity);
    for (const IValue &value : stack)
      out.append(value);
    out.complete = true;
    *result_count = out.count;
  });
}

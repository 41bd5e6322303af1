// Tensors whose gradients a function of the caller computes.

#include "internal.h"

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/variable.h>

#include <memory>
#include <type_traits>

namespace {

using torch::autograd::variable_list;

// The caller's function as a node of the graph. Its context lives until the graph is let go.
class CustomGradient final : public torch::autograd::Node {
public:
  CustomGradient(ct_gradient_function function, void (*release)(void *), void *context)
      : function(function), release(release), context(context) {}
  ~CustomGradient() override { release_variables(); }

  variable_list apply(variable_list &&output_gradients) override {
    TORCH_CHECK(context != nullptr, "the graph was let go by an earlier backward pass");
    std::vector<ct_tensor *> given, found(num_outputs(), nullptr);
    for (const at::Tensor &gradient : output_gradients)
      given.push_back(gradient.defined() ? ctorch::hand_over(gradient) : nullptr);
    char text[512] = "";
    const ct_status status =
        function(context, given.data(), static_cast<int64_t>(given.size()), found.data(),
                 static_cast<int64_t>(found.size()), {text, sizeof text});
    for (ct_tensor *gradient : given)
      if (gradient != nullptr)
        ct_tensor_release(gradient);
    variable_list gradients;
    for (ct_tensor *gradient : found)
      gradients.push_back(
          gradient == nullptr
              ? at::Tensor()
              : at::Tensor(c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim(
                    reinterpret_cast<c10::TensorImpl *>(gradient))));
    TORCH_CHECK(status == CT_OK, text);
    return gradients;
  }

  void release_variables() override {
    if (context != nullptr)
      release(context);
    context = nullptr;
  }

  std::string name() const override { return "CustomGradient"; }

private:
  ct_gradient_function function;
  void (*release)(void *);
  void *context;
};

// Nodes are counted by std::shared_ptr up to libtorch 2.12, by c10::intrusive_ptr from 2.13 on.
using NodePointer = decltype(torch::autograd::Edge::function);

template <typename Pointer, typename Node, typename... Arguments>
Pointer make_node(Arguments... arguments) {
  if constexpr (std::is_same_v<Pointer, std::shared_ptr<torch::autograd::Node>>)
    return std::make_shared<Node>(arguments...);
  else
    return c10::make_intrusive<Node>(arguments...);
}

} // namespace

ct_status ct_attach_gradient(ct_tensor *const *inputs, int64_t input_count,
                             ct_tensor *const *outputs, int64_t output_count,
                             ct_gradient_function function, void (*release)(void *), void *context,
                             ct_message message) {
  // From here on the node releases the context, also if something below throws.
  const auto node = make_node<NodePointer, CustomGradient>(function, release, context);
  return ctorch::guarded(message, [&] {
    variable_list sources;
    for (int64_t i = 0; i < input_count; ++i)
      sources.push_back(ctorch::borrow(inputs[i]));
    if (!torch::autograd::compute_requires_grad(sources))
      return;
    node->set_next_edges(torch::autograd::collect_next_edges(sources));
    for (int64_t i = 0; i < output_count; ++i)
      torch::autograd::set_history(ctorch::borrow(outputs[i]), node);
  });
}

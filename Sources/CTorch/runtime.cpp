// Generators, threads, devices, versions.

#include "internal.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <torch/version.h>

#include <dlfcn.h>

namespace {

at::Generator &generator_of(const ct_generator *generator) {
  return *reinterpret_cast<at::Generator *>(const_cast<ct_generator *>(generator));
}

} // namespace

ct_status ct_generator_make(int32_t device_type, int32_t device_index, uint64_t seed,
                            ct_generator **made, ct_message message) {
  return ctorch::guarded(message, [&] {
    const c10::Device device(static_cast<c10::DeviceType>(device_type),
                             static_cast<c10::DeviceIndex>(device_index));
    at::Generator generator = device.is_cpu() ? at::detail::createCPUGenerator(seed)
                                              : at::globalContext()
                                                    .getAcceleratorHooksInterface(device.type())
                                                    .getNewGenerator(device.index());
    generator.set_current_seed(seed);
    *made = reinterpret_cast<ct_generator *>(new at::Generator(std::move(generator)));
  });
}

void ct_generator_release(ct_generator *generator) { delete &generator_of(generator); }

ct_status ct_generator_state(const ct_generator *generator, ct_tensor **state, ct_message message) {
  return ctorch::guarded(message,
                         [&] { *state = ctorch::hand_over(generator_of(generator).get_state()); });
}

ct_status ct_generator_set_state(ct_generator *generator, const ct_tensor *state,
                                 ct_message message) {
  return ctorch::guarded(message,
                         [&] { generator_of(generator).set_state(ctorch::borrow(state)); });
}

const char *ct_version(void) { return TORCH_VERSION; }

const char *ct_cpu_capability(void) {
  static const std::string capability = at::get_cpu_capability();
  return capability.c_str();
}

bool ct_has_mkldnn(void) { return at::hasMKLDNN(); }

bool ct_has_cuda(void) { return at::hasCUDA(); }

ct_status ct_load_cuda(ct_message message) {
  return ctorch::guarded(message, [&] {
    TORCH_CHECK(dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) != nullptr,
                "libtorch_cuda.so cannot be opened: ", dlerror());
  });
}

int32_t ct_cuda_device_count(void) {
  int32_t count = 0;
  char text[1];
  ctorch::guarded({text, sizeof text}, [&] {
    if (at::hasCUDA())
      count = at::globalContext().getAcceleratorHooksInterface(c10::DeviceType::CUDA).deviceCount();
  });
  return count;
}

int64_t ct_device_peak_bytes(int32_t device_type, int32_t device_index) {
  int64_t bytes = 0;
  char text[1];
  ctorch::guarded({text, sizeof text}, [&] {
    auto *allocator = at::getDeviceAllocator(static_cast<c10::DeviceType>(device_type));
    const auto stats = allocator->getDeviceStats(static_cast<c10::DeviceIndex>(device_index));
    bytes = stats.allocated_bytes[0].peak;
  });
  return bytes;
}

void ct_set_deterministic(bool deterministic) {
  char text[1];
  ctorch::guarded({text, sizeof text},
                  [&] { at::globalContext().setDeterministicAlgorithms(deterministic, false); });
}

bool ct_deterministic(void) { return at::globalContext().deterministicAlgorithms(); }

int32_t ct_thread_count(void) { return at::get_num_threads(); }

void ct_set_thread_count(int32_t count) {
  char text[1];
  ctorch::guarded({text, sizeof text}, [&] { at::set_num_threads(count); });
}

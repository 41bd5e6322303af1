import Glibc

/// How libtorch's threads wait for work, and how large tensors get their memory.
///
/// OpenMP and the allocator read their settings when the program is loaded. By default OpenMP's threads
/// spin for a long time, which on few cores takes them from decoding and from our own kernels, and each
/// large tensor is mapped, zeroed and unmapped by the system: a fifth of a step of ViT-S. One arena for all
/// threads, since only the first one keeps memory that became free at its end.
enum ComputeThreads {
  /// Starts the program anew with the settings, once; does nothing if the user has set one of them.
  ///
  /// - Parameter spins: How often a thread looks for work before it sleeps: many where nothing else runs.
  static func quiet(spins: Int = 1000) {
    let settings = [
      "OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "\(spins)",
      "GLIBC_TUNABLES": "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=1099511627776"
        + ":glibc.malloc.top_pad=67108864:glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1",
    ]
    guard settings.keys.allSatisfy({ unsafe getenv($0) == nil }) else { return }
    for (name, value) in settings { unsafe setenv(name, value, 1) }
    var arguments = unsafe CommandLine.arguments.map { unsafe strdup($0) }
    unsafe arguments.append(nil)
    // Returns only if it fails; then the run is slower, not wrong.
    unsafe execv("/proc/self/exe", &arguments)
  }
}

import Glibc

/// How libtorch's threads wait for work.
///
/// OpenMP reads its settings when the library is loaded, before the program begins. Its threads
/// otherwise spin for a long time, and on few cores that takes them from decoding and our own kernels.
enum ComputeThreads {
  private static let settings = ["OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"]

  /// Starts the program anew with the settings, once; does nothing if the user has set them.
  static func quiet() throws {
    guard settings.keys.allSatisfy({ getenv($0) == nil }) else { return }
    for (name, value) in settings { setenv(name, value, 1) }
    var arguments = CommandLine.arguments.map { strdup($0) }
    arguments.append(nil)
    // Returns only if it fails; then the run is slower, not wrong.
    execv("/proc/self/exe", &arguments)
  }
}

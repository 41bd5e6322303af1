internal import Glibc
internal import Synchronization

/// The request of the system or the user to stop, as signals bring it.
///
/// `SIGTERM`, `SIGINT` and `SIGHUP` only set a flag, which the training loop looks at after each iteration
/// to save and stop. A second signal ends the process at once, with 128 and the signal's number as the
/// exit code. `SIGPIPE` is ignored, so that a reader that goes away is an error of a write.
public enum StopSignal {
  // Read and changed by the handler: atomic, without locks, and made before a handler is installed.
  private static let first = Atomic<Int32>(0)

  /// The signals that ask for a stop.
  private static let numbers = [SIGTERM, SIGINT, SIGHUP]

  /// Installs the handlers; a second call changes nothing.
  public static func install() {
    _ = first.load(ordering: .relaxed)
    for number in numbers {
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { number in StopSignal.receive(number) }
      // Calls that a signal interrupts go on by themselves.
      action.sa_flags = Int32(SA_RESTART)
      unsafe sigaction(number, &action, nil)
    }
    signal(SIGPIPE, SIG_IGN)
  }

  /// The first signal that came, for example `SIGTERM`; nil as long as nobody asked for a stop.
  public static var received: Int32? {
    let number = first.load(ordering: .acquiring)
    return number == 0 ? nil : number
  }

  /// Whether a stop was asked for.
  public static var isRequested: Bool { received != nil }

  /// Does what a handler may do: atomic operations and `_exit`.
  private static func receive(_ number: Int32) {
    let (isFirst, _) = first.compareExchange(
      expected: 0, desired: number, ordering: .acquiringAndReleasing)
    if !isFirst { _exit(128 + number) }
  }
}

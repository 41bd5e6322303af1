import DINOTraining
import Glibc
import Testing

@Suite("StopSignal")
struct StopSignalTests {
  @Test("nothing is asked for before a signal comes, and a broken pipe is none")
  func quiet() async {
    await #expect(processExitsWith: .exitCode(40)) {
      StopSignal.install()
      // A pipe without a reader: the signal would come before the error.
      var ends: [Int32] = [0, 0]
      pipe(&ends)
      close(ends[0])
      let isError = write(ends[1], "x", 1) == -1 && errno == EPIPE
      exit(isError && StopSignal.received == nil && !StopSignal.isRequested ? 40 : 1)
    }
  }

  @Test("the first signal sets the flag and lets the process go on")
  func first() async {
    await #expect(processExitsWith: .exitCode(SIGTERM)) {
      exit(signalled(SIGTERM))
    }
    await #expect(processExitsWith: .exitCode(SIGINT)) {
      exit(signalled(SIGINT))
    }
    await #expect(processExitsWith: .exitCode(SIGHUP)) {
      exit(signalled(SIGHUP))
    }
  }

  @Test("the second signal ends the process at once with 128 and its number")
  func second() async {
    await #expect(processExitsWith: .exitCode(143)) {
      guard signalled(SIGINT) == SIGINT else { exit(1) }
      send(SIGTERM)
      exit(2)
    }
    await #expect(processExitsWith: .exitCode(130)) {
      guard signalled(SIGTERM) == SIGTERM else { exit(1) }
      send(SIGINT)
      exit(2)
    }
  }
}

/// Installs the handlers and sends a signal to the process, as the system does; returns what was noticed.
private func signalled(_ number: Int32) -> Int32 {
  StopSignal.install()
  guard !StopSignal.isRequested else { return 0 }
  send(number)
  return StopSignal.isRequested ? StopSignal.received ?? 0 : 0
}

/// Sends a signal to the process and gives the system time to deliver it to whatever thread.
private func send(_ number: Int32) {
  kill(getpid(), number)
  for _ in 0..<5_000 where StopSignal.received != number { usleep(1_000) }
}

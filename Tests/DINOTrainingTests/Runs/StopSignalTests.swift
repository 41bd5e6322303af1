import DINOTraining
import Glibc
import Testing

@Suite("StopSignal")
struct StopSignalTests {
  @Test("nothing is asked for before a signal comes, and a broken pipe is none")
  func quiet() async {
    await #expect(processExitsWith: .exitCode(40)) {
      StopSignal.install()
      raise(SIGPIPE)
      exit(StopSignal.received == nil && !StopSignal.isRequested ? 40 : 1)
    }
  }

  @Test("the first signal sets the flag and lets the process go on")
  func first() async {
    await #expect(processExitsWith: .exitCode(41)) {
      StopSignal.install()
      raise(SIGTERM)
      exit(StopSignal.received == SIGTERM && StopSignal.isRequested ? 41 : 1)
    }
    await #expect(processExitsWith: .exitCode(42)) {
      StopSignal.install()
      raise(SIGHUP)
      exit(StopSignal.received == SIGHUP ? 42 : 1)
    }
  }

  @Test("the second signal ends the process at once with 128 and its number")
  func second() async {
    await #expect(processExitsWith: .exitCode(143)) {
      StopSignal.install()
      raise(SIGINT)
      raise(SIGTERM)
      exit(1)
    }
    await #expect(processExitsWith: .exitCode(130)) {
      StopSignal.install()
      raise(SIGTERM)
      raise(SIGINT)
      exit(1)
    }
  }
}

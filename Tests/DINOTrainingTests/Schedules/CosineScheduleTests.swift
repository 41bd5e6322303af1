import DINOTestSupport
import DINOTraining
import Testing

@Suite("CosineSchedule")
struct CosineScheduleTests {
  /// The arguments of the original constructor.
  struct Arguments: Decodable {
    let base: Double
    let final: Double
    let total: Int
    let warmup: Int?
    let warmupStart: Double?
    let frozen: Int?

    enum CodingKeys: String, CodingKey {
      case base = "base_value"
      case final = "final_value"
      case total = "total_iters"
      case warmup = "warmup_iters"
      case warmupStart = "start_warmup_value"
      case frozen = "freeze_iters"
    }

    var schedule: CosineSchedule {
      CosineSchedule(
        from: base, to: final, total: total, warmup: warmup ?? 0, warmupStart: warmupStart ?? 0,
        frozen: frozen ?? 0)
    }
  }

  @Test("agrees with the original, alone")
  func agreesWithOriginal() throws {
    let golden = Golden.named("schedule/schedules")

    for name in try golden.names(prefix: "expected.raw.") {
      let key = String(name.dropFirst("expected.".count))
      let schedule = try golden.decodeConfig(Arguments.self, at: key).schedule
      let values = (0..<schedule.total).map { schedule[$0] }
      try expectClose(
        got: values, shape: [schedule.total], expected: golden[name],
        tolerance: golden.tolerance(for: name), label: name)
      #expect(schedule[schedule.total] == schedule.final)
      #expect(schedule[schedule.total + 1000] == schedule.final)
    }
  }

  @Test("meets the peak at the end of the warm-up and again after it")
  func peakComesTwice() {
    let schedule = CosineSchedule(from: 0.3, to: 0, total: 10, warmup: 4)

    #expect(schedule[0] == 0)
    #expect(schedule[3] == 0.3)
    #expect(schedule[4] == 0.3)
    #expect(schedule[5] < 0.3)
  }

  @Test("a warm-up of one step is its start")
  func singleWarmupStep() {
    let schedule = CosineSchedule(from: 1, to: 0, total: 3, warmup: 1, warmupStart: 0.25)

    #expect(schedule[0] == 0.25)
    #expect(schedule[1] == 1)
    #expect(schedule[2] == 0.5)
  }

  @Test("a schedule without steps is its final value")
  func empty() {
    #expect(CosineSchedule(from: 1, to: 0.5, total: 0)[0] == 0.5)
  }
}

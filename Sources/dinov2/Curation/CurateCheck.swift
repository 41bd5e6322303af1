import ArgumentParser
import DINOCuration
import Telemetry

/// `dinov2 curate check`: looks for damage.
struct CurateCheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Look for damaged files of a store, and take them out on request.",
    discussion: """
      Every shard, stage and the catalogue is compared with its checksum. --repair takes damaged ones \
      out and makes the catalogue anew; embed the same inputs again, and run stages again, for the \
      rest. Exits with 3 if something is damaged and was not repaired.

      Example: dinov2 curate check --store pool --repair
      """)

  @OptionGroup var options: StoreOptions

  @Flag(help: "Take damaged files out, and make the catalogue anew.")
  var repair = false

  func run() throws {
    let lock = try StoreLock.take(options.store, "check", makesFolder: false)
    defer { withExtendedLifetime(lock) {} }
    let check = try StoreCheck(options.store, repairs: repair)
    for finding in check.findings {
      let text = "\(finding.path): \(finding.problem)"
      Console.note(finding.repair.map { "repaired: \(text): \($0)" } ?? "damaged: \(text)")
    }
    let damaged = check.findings.count { $0.repair == nil }
    if options.json {
      Console.print(
        JSONField.object([
          ("store", .string(options.store)), ("shards", .integer(check.wholeShards)),
          ("missing_shards", .integer(check.missingShards)), ("damaged", .integer(damaged)),
          ("repaired", .integer(check.findings.count - damaged)),
        ]))
    } else {
      Console.note(
        "\(options.store): \(check.wholeShards) shards whole, \(check.missingShards) not embedded, "
          + "\(damaged) damaged files, \(check.findings.count - damaged) repaired")
    }
    if damaged > 0 { throw ExitCode(Failure.Code.refusedInput.rawValue) }
  }
}

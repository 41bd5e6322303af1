import ArgumentParser
import DINOCuration
import DINOTraining
import Foundation
import Telemetry

/// Which store a stage works on, and how it tells its result.
struct StoreOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("The store.", valueName: "dir"), completion: .directory)
  var store: String

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    guard !store.isEmpty else { throw ValidationError("--store is empty; name a folder.") }
  }

  /// The lock of the store and the store.
  func open(for stage: String) throws -> (lock: RunLock, store: CurationStore) {
    let lock = try StoreLock.take(store, stage, makesFolder: false)
    return (lock, try CurationStore(store))
  }

  /// Shows the share of a search.
  func progress(_ label: String) -> ProgressReporter {
    ProgressReporter(
      label: label, total: 100, unit: ProgressUnit(singular: "percent", plural: "percent"),
      style: json ? .silent : ProgressOutput.process.terminal.isInteractive ? .line : .plain)
  }

  /// Prints counts: as an object, or one a line.
  func print(
    _ counts: [String: Int], _ more: KeyValuePairs<String, JSONField>,
    since start: ContinuousClock.Instant
  ) {
    let seconds = ((ContinuousClock.now - start) / .milliseconds(1)).rounded() / 1000
    let numbers = counts.sorted { $0.key < $1.key }
    guard !json else {
      return Console.print(
        JSONField.object(
          [("store", .string(store))] + numbers.map { ($0.key, .integer($0.value)) }
            + more.map { ($0.key, $0.value) } + [("seconds", .number(seconds))]))
    }
    var table = TextTable([.left(""), .right("")])
    for (name, count) in numbers {
      table.append([name.replacing("_", with: " "), NumberFormat.grouped(count)])
    }
    Console.print(table.description)
  }
}

/// The right to decide about a store, or to run in a folder.
enum StoreLock {
  /// Takes the lock of a folder.
  ///
  /// - Throws: ``StoreError/locked(path:holder:)`` if another process has it.
  static func take(_ folder: String, _ purpose: String, makesFolder: Bool) throws -> RunLock {
    if makesFolder {
      do {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      } catch {
        throw StoreError.system(
          path: folder, problem: "the folder cannot be made; check the path and its rights")
      }
    } else {
      guard FileManager.default.fileExists(atPath: folder + "/store.json") else {
        throw StoreError.missing(
          path: folder,
          problem: "holds no store; make one with 'dinov2 curate embed INPUT... --store \(folder)'")
      }
    }
    do throws(RunError) {
      return try RunLock(path: folder + "/.lock", runID: "curate \(purpose)")
    } catch {
      guard case .locked(_, let holder) = error else { throw error }
      throw StoreError.locked(path: folder, holder: holder)
    }
  }
}

/// A list of images that a stage chose.
struct ListOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Write the paths of the chosen images, one a line, for use as @FILE.", valueName: "file"),
    completion: .file())
  var list: String?

  /// Writes the list, if one was asked for.
  func write(_ images: [Int], of store: CurationStore) throws {
    if let list { try store.writeList(of: images, to: list) }
  }
}

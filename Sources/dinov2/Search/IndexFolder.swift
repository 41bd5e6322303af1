import DINOCuration
import DINOInference
import DINOTraining
import Foundation

/// The folder of an index as commands see it.
enum IndexFolder {
  /// Makes the folder where it is missing and takes its lock.
  ///
  /// - Parameter folder: The folder.
  /// - Returns: The lock, held as long as the object lives.
  /// - Throws: ``GalleryError/locked(path:holder:)`` if another process writes there.
  static func lock(_ folder: String) throws -> RunLock {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw GalleryError.system(
        path: folder, problem: "the folder cannot be made; check the path and its rights")
    }
    do throws(RunError) {
      return try RunLock(path: folder + "/.lock", runID: "search build")
    } catch {
      guard case .locked(_, let holder) = error else { throw error }
      throw GalleryError.locked(path: folder, holder: holder)
    }
  }

  /// How the images of an index were described; nil if there is none.
  static func storedSettings(_ folder: String) throws -> GallerySettings? {
    do throws(GalleryError) { return try Gallery.settings(of: folder) } catch {
      if case .missing = error { return nil }
      throw error
    }
  }

  /// The model that was asked for, else the one that an index was built with.
  static func model(_ options: ModelOptions, _ stored: GallerySettings?) async throws -> DINOv2 {
    var request = try options.request()
    guard options.namesNothing, let stored else { return try await DINOv2.load(request) }
    request.model = stored.model.argument
    request.weights = stored.model.weights
    request.numHeads = stored.model.numHeads
    do throws(InferenceError) { return try await DINOv2.load(request) } catch {
      throw GalleryError.incompatible(
        path: folder(of: stored),
        problem: "cannot be loaded any more (\(error)); name the model that the index was built "
          + "with, \(stored.model.name), with --model and --weights")
    }
  }

  private static func folder(of stored: GallerySettings) -> String {
    stored.model.argument ?? stored.model.weights ?? stored.model.name
  }
}

extension ModelOptions {
  /// Whether no model is asked for.
  var namesNothing: Bool { model == nil && weights == nil && !randomWeights && heads == nil }
}

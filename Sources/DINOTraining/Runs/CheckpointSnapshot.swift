public import CheckpointFormats
internal import Foundation

/// What a checkpoint holds, in memory that belongs to the snapshot.
///
/// Training goes on while a snapshot is written, so its tensors must not share memory with parameters
/// that change.
public struct CheckpointSnapshot: Sendable {
  /// The number of iterations that are done.
  public let iteration: Int
  /// Names and tensors.
  public let tensors: [(name: String, tensor: StoredTensor)]
  /// Everything else, as JSON.
  public let state: [UInt8]

  /// Collects a snapshot.
  ///
  /// - Parameters:
  ///   - iteration: The number of iterations that are done, 0 or more.
  ///   - tensors: Different names and tensors; the names are visible ASCII.
  ///   - state: Everything else; it is encoded at once. Its numbers must be finite.
  /// - Throws: ``RunError/usage(problem:)`` if the iteration is negative or the state cannot be
  ///   encoded.
  public init(
    iteration: Int, tensors: [(name: String, tensor: StoredTensor)], state: some Encodable
  ) throws(RunError) {
    guard iteration >= 0 else {
      throw .usage(problem: "a checkpoint of iteration \(iteration); the first is 0")
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      self.state = Array(try encoder.encode(state))
    } catch {
      throw .usage(problem: "the state of iteration \(iteration) cannot be saved: \(error)")
    }
    self.iteration = iteration
    self.tensors = tensors
  }

  /// About how many bytes the checkpoint will have.
  public var byteCount: Int { tensors.reduce(state.count) { $0 + $1.tensor.byteCount } }

  /// Fails if a tensor holds a NaN or an infinity: such a state is not worth resuming.
  func checkFinite() throws(RunError) {
    for (name, tensor) in tensors {
      let count = tensor.nonFiniteCount()
      guard count == 0 else {
        throw .nonFinite(
          name: name,
          problem: "holds \(count) of \(tensor.count) values that are not finite at iteration "
            + "\(iteration)")
      }
    }
  }
}

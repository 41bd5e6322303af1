internal import CheckpointFormats
public import DINOData
public import Imaging

/// Files with the label of each pixel.
public enum LabelFile {
  /// Reads labels: a PNG file of indices or grey, or a `.npy` file of whole numbers `[height, width]`.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - decoder: What an image may take.
  /// - Returns: The labels.
  /// - Throws: ``InferenceError`` if the file cannot be read or holds something else.
  public static func read(
    _ path: String, _ decoder: ImageDecoder = ImageDecoder()
  ) throws(InferenceError) -> ValueImage {
    if path.lowercased().hasSuffix(".npy") { return try readNpy(path, decoder.limits) }
    return try read(ImageReference(file: RawPath(path)), decoder)
  }

  /// Reads labels: a PNG file of indices or grey.
  ///
  /// - Parameters:
  ///   - reference: The file.
  ///   - decoder: What an image may take.
  /// - Returns: The labels.
  /// - Throws: ``InferenceError`` if the file cannot be read or holds something else.
  public static func read(
    _ reference: ImageReference, _ decoder: ImageDecoder = ImageDecoder()
  ) throws(InferenceError) -> ValueImage {
    do throws(DataError) {
      let bytes = try reference.bytes(limit: decoder.limits.encodedBytes)
      do throws(ImageError) {
        return try decoder.decodeValues(bytes: bytes, name: reference.displayName)
      } catch { throw DataError(error, path: reference.displayName) }
    } catch { throw .data(error) }
  }

  private static func readNpy(
    _ path: String, _ limits: ImageLimits
  ) throws(InferenceError) -> ValueImage {
    let name = RawPath(path).displayName
    do throws(CheckpointError) {
      let array = try NpyArray.read(path)
      guard array.shape.count == 2, array.count <= limits.pixels else {
        throw .unsupported(
          path: path, place: "shape",
          problem: "is \(array.shape); labels are [height, width], at most \(limits.pixels) pixels")
      }
      var values: [UInt16] = []
      values.reserveCapacity(array.count)
      for value in try array.integers() {
        guard let label = UInt16(exactly: value) else {
          throw .unsupported(
            path: path, place: "values", problem: "holds \(value); labels are 0 to 65535")
        }
        values.append(label)
      }
      do throws(ImageError) {
        return try ValueImage(
          values, size: Size(height: array.shape[0], width: array.shape[1]))
      } catch {
        throw .unsupported(path: path, place: "shape", problem: "is \(array.shape); it is empty")
      }
    } catch { throw .data(.refused(path: name, problem: "\(error)")) }
  }

  /// Writes labels as a `.npy` file `[height, width]`, of 8 bits if no label is larger, else of 16.
  ///
  /// - Parameters:
  ///   - labels: The labels.
  ///   - path: The file.
  /// - Throws: ``InferenceError/output(path:problem:)`` if the file cannot be written.
  public static func write(_ labels: ValueImage, to path: String) throws(InferenceError) {
    let shape = [labels.size.height, labels.size.width]
    do throws(CheckpointError) {
      if labels.values.allSatisfy({ $0 <= 255 }) {
        let bytes = labels.values.map { UInt8($0) }
        let stored = unsafe bytes.withUnsafeBytes { buffer in
          Result { () throws(CheckpointError) in
            unsafe try StoredTensor(copying: buffer, as: .uint8, shape: shape)
          }
        }
        try Npy.write(stored.get(), to: path)
      } else {
        try Npy.write(labels.values, shape: shape, to: path)
      }
    } catch { throw .output(path: RawPath(path).displayName, problem: "\(error)") }
  }
}

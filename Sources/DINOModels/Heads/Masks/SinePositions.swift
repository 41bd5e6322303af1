internal import Foundation
internal import Torch

/// Sines and cosines of rows and columns, for attention over a grid.
///
/// Positions are shares of the sides, from 0 to 2π, so that grids of any size fit.
///
/// Source: Carion et al., 2020 (DETR), appendix A.4; temperature 10,000 as Vaswani et al., 2017.
package struct SinePositions {
  private static let temperature = 10_000.0

  /// The embeddings of the cells of a grid, row by row.
  ///
  /// - Parameters:
  ///   - height: Rows.
  ///   - width: Columns.
  ///   - channels: Their width, a multiple of 4: sines and cosines of the row, then of the column.
  /// - Returns: `[h · w, C]`, in row-major order.
  package static func values(height: Int, width: Int, channels: Int) -> [Double] {
    func waves(_ count: Int) -> [[Double]] {
      (0..<count).map { index in
        let position = (Double(index) + 0.5) / Double(count) * 2 * .pi
        return (0..<channels / 4).flatMap { wave in
          let angle = position / pow(temperature, Double(wave) / Double(channels / 4))
          return [sin(angle), cos(angle)]
        }
      }
    }
    let (rows, columns) = (waves(height), waves(width))
    return rows.flatMap { row in columns.flatMap { row + $0 } }
  }

  /// The embeddings as a tensor like another one.
  ///
  /// - Parameters:
  ///   - height: Rows.
  ///   - width: Columns.
  ///   - other: `[…, C]`; gives the width, the dtype and the device.
  /// - Returns: `[h · w, C]`.
  /// - Throws: `TorchError` if there is too little memory.
  static func tensor(
    height: Int, width: Int, like other: Tensor
  ) throws(TorchError) -> Tensor {
    let channels = other.shape.last ?? 0
    return try Tensor(
      values(height: height, width: width, channels: channels), [height * width, channels]
    ).to(dtype: other.dtype ?? .float32).to(device: other.device)
  }
}

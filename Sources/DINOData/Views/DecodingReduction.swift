internal import Foundation
public import Imaging

/// By how much JPEG files may be decoded smaller than they are.
package enum DecodingReduction {
  /// How many pixels of the decoded image a pixel of a crop covers at least, along a side.
  ///
  /// At 2 resizing still takes the mean over some pixels and hides how the small image came about. Measured
  /// on photographs: at 1 resized images differ by 1.7 to 2.5 of 255 from those of the whole image, at 2 by
  /// 0.8 to 1.4, at 4 by 0.4 to 0.9.
  static let reserve = 2.0

  /// The largest factor that leaves the reserve.
  ///
  /// - Parameters:
  ///   - side: A side of the part of the image that is resized, in pixels.
  ///   - output: The side that it gets, in pixels.
  /// - Returns: 1, 2, 4 or 8.
  package static func factor(of side: Double, to output: Int) -> Int {
    let most = side / (reserve * Double(output))
    return ImageDecoder.reductions.last { Double($0) <= most } ?? 1
  }
}

extension MultiCropConfig {
  /// By what the sides of a JPEG file may be divided so that the crops stay as good as the same.
  ///
  /// It depends on nothing that is drawn, so that the small image serves all crops.
  ///
  /// - Parameter size: The size of the whole image.
  /// - Returns: 1, 2, 4 or 8: as much as leaves a reserve in the smallest crop of each kind.
  public func reduction(for size: Size) -> Int {
    Set(views).map { view in
      DecodingReduction.factor(of: smallestSide(of: view, in: size), to: side(of: view))
    }.min() ?? 1
  }

  /// The shorter side of the smallest part of an image that can be drawn for a kind of crop.
  ///
  /// The shares count for the area; the part that is taken where no draw fits has the image's shorter
  /// side.
  private func smallestSide(of view: View, in size: Size) -> Double {
    let area = scale(of: view).lowerBound * Double(size.height) * Double(size.width)
    let narrowest = min(aspect.lowerBound, 1 / aspect.upperBound)
    return min((area * narrowest).squareRoot(), Double(size.shorterSide))
  }
}

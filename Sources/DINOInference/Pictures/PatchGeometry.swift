public import DINOModels
public import Imaging

/// Where the patches of an image lie: in the part that the model sees, and in the image itself.
///
/// Three sets of coordinates meet here: the pixels of the image, the pixels of the view (the resized and
/// cropped image), and the patches of the grid, row by row.
public struct PatchGeometry: Sendable, Equatable {
  /// The size of the image.
  public let imageSize: Size
  /// The grid of patches.
  public let grid: PatchGrid
  private let plan: Preprocessing.Plan

  /// The size of the view.
  public var viewSize: Size { plan.window.size }

  /// Relates an image to its patches.
  ///
  /// - Parameters:
  ///   - imageSize: The size of the image.
  ///   - preprocessing: How it became the model's input.
  ///   - grid: The grid of patches.
  /// - Throws: ``InferenceError/image(_:)`` if such an image cannot be preprocessed so.
  public init(
    imageSize: Size, _ preprocessing: Preprocessing, grid: PatchGrid
  ) throws(InferenceError) {
    self.imageSize = imageSize
    self.grid = grid
    do throws(ImageError) {
      plan = try preprocessing.plan(for: imageSize)
    } catch { throw .image(error) }
  }

  /// The patch at a place of the image.
  ///
  /// - Parameter place: The place, in pixels of the image.
  /// - Returns: The patch.
  /// - Throws: ``InferenceError/usage(problem:)`` if the place is outside the part that is seen.
  public func patch(at place: Point) throws(InferenceError) -> Int {
    let view = viewPlace(of: place)
    let size = viewSize
    guard view.row >= 0, view.column >= 0, view.row < Double(size.height),
      view.column < Double(size.width)
    else { throw .usage(problem: "the point \(outside(place))") }
    let row = min(Int(view.row * Double(grid.height) / Double(size.height)), grid.height - 1)
    let column = min(Int(view.column * Double(grid.width) / Double(size.width)), grid.width - 1)
    return row * grid.width + column
  }

  private func outside(_ place: Point) -> String {
    let first = imagePlace(of: Point(row: 0, column: 0))
    let last = imagePlace(
      of: Point(row: Double(viewSize.height), column: Double(viewSize.width)))
    func range(_ low: Double, _ high: Double, _ length: Int) -> String {
      let first = Int(max(low, 0).rounded(.up))
      return "\(first) to \(max(Int(min(high, Double(length)).rounded(.up)) - 1, first))"
    }
    func text(_ value: Double) -> String {
      abs(value) < 1e15 && value.rounded() == value ? "\(Int(value))" : "\(value)"
    }
    return "x \(text(place.column)), y \(text(place.row)) is not in the part of the image that the "
      + "model sees: take x from \(range(first.column, last.column, imageSize.width)) and y from "
      + range(first.row, last.row, imageSize.height)
  }

  /// A place of the image in the view.
  ///
  /// - Parameter place: The place, in pixels of the image.
  /// - Returns: The place, in pixels of the view; may lie outside it.
  public func viewPlace(of place: Point) -> Point {
    Point(
      row: place.row * Double(plan.resized.height) / Double(imageSize.height)
        - Double(plan.window.top),
      column: place.column * Double(plan.resized.width) / Double(imageSize.width)
        - Double(plan.window.left))
  }

  /// A place of the view in the image.
  ///
  /// - Parameter place: The place, in pixels of the view.
  /// - Returns: The place, in pixels of the image.
  public func imagePlace(of place: Point) -> Point {
    Point(
      row: (place.row + Double(plan.window.top)) * Double(imageSize.height)
        / Double(plan.resized.height),
      column: (place.column + Double(plan.window.left)) * Double(imageSize.width)
        / Double(plan.resized.width))
  }

  /// The middle of a patch in the view.
  ///
  /// - Parameter patch: The patch.
  /// - Returns: The place, in pixels of the view.
  public func viewCenter(of patch: Int) -> Point {
    let (row, column) = (patch / grid.width, patch % grid.width)
    return Point(
      row: (Double(row) + 0.5) * Double(viewSize.height) / Double(grid.height),
      column: (Double(column) + 0.5) * Double(viewSize.width) / Double(grid.width))
  }

  /// The middle of a patch in the image.
  ///
  /// - Parameter patch: The patch.
  /// - Returns: The place, in pixels of the image.
  public func imageCenter(of patch: Int) -> Point { imagePlace(of: viewCenter(of: patch)) }
}

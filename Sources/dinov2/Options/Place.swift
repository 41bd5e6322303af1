import ArgumentParser
import Imaging

/// A place in pixels, `x,y`.
struct Place: ExpressibleByArgument {
  let x: Double
  let y: Double

  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map {
      Double($0.drop { $0 == " " })
    }
    guard parts.count == 2, let x = parts[0], let y = parts[1], x.isFinite, y.isFinite else {
      return nil
    }
    (self.x, self.y) = (x, y)
  }

  /// The place, rows before columns.
  var point: Point { Point(row: y, column: x) }
}

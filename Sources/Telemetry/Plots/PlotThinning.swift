/// Leaves off the points of a curve that a picture cannot show.
enum PlotThinning {
  /// Of neighbouring points in one column of pixels the first, the last, the lowest and the highest stay,
  /// so that the picture is the same and peaks survive.
  static func thinned(_ points: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
    var result: [(x: Double, y: Double)] = []
    var start = 0
    while start < points.count {
      let column = points[start].x.rounded(.down)
      var end = start + 1
      while end < points.count, points[end].x.rounded(.down) == column { end += 1 }
      if end - start <= 4 {
        result += points[start..<end]
      } else {
        var lowest = start
        var highest = start
        for index in start..<end {
          if points[index].y < points[lowest].y { lowest = index }
          if points[index].y > points[highest].y { highest = index }
        }
        for index in Set([start, lowest, highest, end - 1]).sorted() {
          result.append(points[index])
        }
      }
      start = end
    }
    return result
  }
}

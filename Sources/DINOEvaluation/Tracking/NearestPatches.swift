internal import DINOModels
internal import Glibc

/// The most similar patches of each patch, found in any number of frames.
struct NearestPatches {
  private let queries: Int
  /// The number of neighbours of a patch.
  private let count: Int
  /// Similarities, most similar first, `[queries, count]`.
  private var similarities: [Float]
  /// Where the neighbours are: frame times patches of a frame, plus patch; -1 for none.
  private var places: [Int]

  init(queries: Int, count: Int) {
    self.queries = queries
    self.count = count
    similarities = [Float](repeating: -.infinity, count: queries * count)
    places = [Int](repeating: -1, count: queries * count)
  }

  /// Considers the patches of a window; of equal ones the first that was offered is kept.
  ///
  /// - Parameters:
  ///   - products: Similarities, `[queries of the window, keys of the window]`.
  ///   - window: Which rows these are.
  ///   - firstPlace: The place of the first patch of the keys' frame.
  mutating func offer(_ products: [Float], _ window: Window, firstPlace: Int) {
    let columns = window.grid.width
    let stride = window.keys.count * columns
    unsafe products.withUnsafeBufferPointer { products in
      for row in window.queries {
        let rows = Window.range(row..<row + 1, window.radius, window.grid.height)
        for column in 0..<columns {
          let near = Window.range(column..<column + 1, window.radius, columns)
          let query = row * columns + column
          let line = (query - window.queries.lowerBound * columns) * stride
          var least = similarities[(query + 1) * count - 1]
          for other in rows {
            let start = line + (other - window.keys.lowerBound) * columns
            for key in near {
              let similarity = unsafe products[start + key]
              guard similarity > least else { continue }
              insert(similarity, at: firstPlace + other * columns + key, query)
              least = similarities[(query + 1) * count - 1]
            }
          }
        }
      }
    }
  }

  private mutating func insert(_ similarity: Float, at place: Int, _ query: Int) {
    var position = (query + 1) * count - 1
    let first = query * count
    while position > first, similarities[position - 1] < similarity {
      similarities[position] = similarities[position - 1]
      places[position] = places[position - 1]
      position -= 1
    }
    similarities[position] = similarity
    places[position] = place
  }

  /// The mean labels of the neighbours, with the weights `softmax(similarity / T)`.
  ///
  /// - Parameters:
  ///   - labels: The labels of the frames, in the order in which they were offered.
  ///   - temperature: `T`.
  /// - Returns: The labels.
  func mean(of labels: [PatchLabels], temperature: Double) -> PatchLabels {
    let classes = labels[0].classes
    let patches = labels[0].grid.count
    var result = [Float](repeating: 0, count: queries * classes)
    for query in 0..<queries {
      let best = Double(similarities[query * count])
      var weights: [(place: Int, weight: Double)] = []
      for position in query * count..<(query + 1) * count where places[position] >= 0 {
        weights.append(
          (places[position], exp((Double(similarities[position]) - best) / temperature)))
      }
      let sum = weights.reduce(0) { $0 + $1.weight }
      for (place, weight) in weights {
        let (frame, patch) = place.quotientAndRemainder(dividingBy: patches)
        let share = Float(weight / sum)
        for label in 0..<classes {
          result[query * classes + label] += share * labels[frame].shares[patch * classes + label]
        }
      }
    }
    return PatchLabels(shares: result, classes: classes, grid: labels[0].grid)
  }
}

internal import Glibc

/// How far predicted depth is from measured depth.
///
/// Source: Eigen et al., 2014, section 4.2. With prediction `p` and truth `t` of each known pixel:
/// `delta` is the share with `max(p/t, t/p)` below 1.25, 1.25², 1.25³.
public struct DepthMetrics: Equatable, Sendable, Codable {
  /// Share of pixels within a factor of 1.25.
  public var a1: Double
  /// Share of pixels within a factor of 1.25².
  public var a2: Double
  /// Share of pixels within a factor of 1.25³.
  public var a3: Double
  /// Mean of `|p − t| / t`.
  public var absRel: Double
  /// Root of the mean of `(p − t)²`, metres.
  public var rmse: Double
  /// Mean of `|log₁₀ p − log₁₀ t|`.
  public var log10: Double
  /// Root of the mean of `(ln p − ln t)²`.
  public var rmseLog: Double
  /// `100 · √(mean(e²) − mean(e)²)` with `e = ln p − ln t`.
  public var silog: Double
  /// Mean of `(p − t)² / t`, metres.
  public var sqRel: Double

  /// The keys of reports.
  public enum CodingKeys: String, CodingKey, CaseIterable {
    case a1
    case a2
    case a3
    case absRel = "abs_rel"
    case rmse
    case log10 = "log_10"
    case rmseLog = "rmse_log"
    case silog
    case sqRel = "sq_rel"
  }

  /// The values in the order of ``CodingKeys``.
  public var values: [Double] { [a1, a2, a3, absRel, rmse, log10, rmseLog, silog, sqRel] }

  /// Takes values in the order of ``CodingKeys``.
  init(values: [Double]) {
    a1 = values[0]
    a2 = values[1]
    a3 = values[2]
    absRel = values[3]
    rmse = values[4]
    log10 = values[5]
    rmseLog = values[6]
    silog = values[7]
    sqRel = values[8]
  }

  /// Compares pixels.
  ///
  /// - Parameter pixels: Prediction and truth of each known pixel, metres; truth is positive. A
  ///   prediction that is not makes the logarithmic values NaN or infinite, as in the original.
  /// - Returns: The metrics; NaN throughout if there is no pixel.
  public static func compare(_ pixels: [(prediction: Double, truth: Double)]) -> DepthMetrics {
    var sums = Sums()
    for (prediction, truth) in pixels { sums.add(prediction, truth) }
    return sums.metrics
  }
}

/// Sums over pixels.
private struct Sums {
  private var count = 0.0
  private var within = (0.0, 0.0, 0.0)
  private var absRel = 0.0
  private var sqRel = 0.0
  private var square = 0.0
  private var log10 = 0.0
  private var log = 0.0
  private var logSquare = 0.0

  mutating func add(_ p: Double, _ t: Double) {
    count += 1
    let ratio = max(p / t, t / p)
    if ratio < 1.25 { within.0 += 1 }
    if ratio < 1.25 * 1.25 { within.1 += 1 }
    if ratio < 1.25 * 1.25 * 1.25 { within.2 += 1 }
    let difference = p - t
    absRel += abs(difference) / t
    sqRel += difference * difference / t
    square += difference * difference
    let e = Glibc.log(p) - Glibc.log(t)
    log += e
    logSquare += e * e
    // ln 10: one logarithm serves both bases.
    log10 += abs(e) / 2.302_585_092_994_046
  }

  var metrics: DepthMetrics {
    let meanLog = log / count
    // Rounding may bring the difference of the means below 0 where all pixels are off alike.
    let variance = max(logSquare / count - meanLog * meanLog, 0)
    return DepthMetrics(values: [
      within.0 / count, within.1 / count, within.2 / count, absRel / count,
      (square / count).squareRoot(), log10 / count, (logSquare / count).squareRoot(),
      100 * (meanLog.isNaN ? .nan : variance.squareRoot()), sqRel / count,
    ])
  }
}

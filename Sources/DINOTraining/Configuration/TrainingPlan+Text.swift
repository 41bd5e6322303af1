internal import Foundation
internal import Telemetry

extension TrainingPlan {
  /// The plan for people: tables and small curves, some 40 lines without a line break at the end.
  public var text: String {
    var blocks = notes
    if !settings.isEmpty { blocks.append(settingsTable) }
    if !withoutEffect.isEmpty {
      blocks.append("accepted, without effect here: " + withoutEffect.joined(separator: "; "))
    }
    blocks += [partsTable, amounts, memoryTable, scheduleTable, curveLines]
    return blocks.joined(separator: "\n\n")
  }

  private var settingsTable: String {
    var table = TextTable([.left("SETTING"), .left("VALUE"), .left("META'S DEFAULT")])
    for setting in settings { table.append([setting.key, setting.value, setting.standard]) }
    return "\(table)"
  }

  private var partsTable: String {
    var table = TextTable([.left("STUDENT AND TEACHER"), .right("PARAMETERS")])
    for part in parts { table.append([part.name, NumberFormat.grouped(part.parameters)]) }
    let total = parts.reduce(0) { $0 + $1.parameters }
    table.append(["together", NumberFormat.grouped(total)])
    return "\(table)"
  }

  private var amounts: String {
    let grouped = NumberFormat.grouped
    var line =
      "\(grouped(iterations)) iterations × \(grouped(imagesPerStep)) images = "
      + "\(grouped(totalImages)) images"
    if let imageCount, let passes {
      line += ", \(NumberFormat.threeDigits(passes)) passes over \(grouped(imageCount))"
    }
    return line + "\n\(grouped(tokensPerImage)) student tokens per image"
  }

  private var memoryTable: String {
    var table = TextTable([.left("MEMORY OF A PROCESS, ABOUT"), .right("")])
    for (name, bytes) in [
      ("student", memory.student), ("teacher", memory.teacher), ("gradients", memory.gradients),
      ("optimiser", memory.optimizer), ("activations", memory.activations),
      ("together", memory.total),
    ] {
      table.append([name, "\(ByteCount(bytes))"])
    }
    return "\(table)"
  }

  private var scheduleTable: String {
    var table = TextTable([
      .right("ITERATION"), .right("LEARNING RATE"), .right("LAST LAYER"), .right("WEIGHT DECAY"),
      .right("MOMENTUM"), .right("TEMPERATURE"),
    ])
    for row in schedule {
      let values = row.values
      table.append(
        [NumberFormat.grouped(row.iteration)]
          + [
            values.learningRate, values.lastLayerLearningRate, values.weightDecay, values.momentum,
            values.teacherTemperature,
          ].map { String(format: "%.5g", $0) })
    }
    return "\(table)"
  }

  private var curveLines: String {
    var table = TextTable([.left(""), .left(""), .left("")])
    for curve in curves {
      let (low, high) = (curve.values.min() ?? 0, curve.values.max() ?? 0)
      table.append([
        curve.name, Self.sparkline(curve.values),
        String(format: "%.4g", low) + " to " + String(format: "%.4g", high),
      ])
    }
    return "\(table)"
  }

  /// One character of eight heights per value.
  private static func sparkline(_ values: [Double]) -> String {
    let heights = Array("▁▂▃▄▅▆▇█")
    guard let low = values.min(), let high = values.max(), high > low else {
      return String(repeating: heights[0], count: values.count)
    }
    return String(
      values.map { value in
        heights[Swift.min(Int((value - low) / (high - low) * 8), 7)]
      })
  }
}

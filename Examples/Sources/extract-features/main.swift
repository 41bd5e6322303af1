// The features of one image, in five lines.
//
//     extract-features MODEL IMAGE        MODEL: a weight file, a model folder, or "random"

import DINOInference
import Imaging

let arguments = CommandLine.arguments.dropFirst()
guard arguments.count == 2, let name = arguments.first, let path = arguments.last else {
  print("usage: extract-features MODEL IMAGE")
  throw ExampleError.usage
}

var request = ModelRequest(name == "random" ? "dinov2_vits14" : name)
if name == "random" { request.randomSeed = 0 }

let model = try await DINOv2.load(request)
let image = try ImageDecoder().decode(path: path)
let features = try await model.features(of: image)

print("\(model.name) on \(model.summary)")
print("class token: \(features.clsToken.count) values, first \(features.clsToken.prefix(3))")
let grid = features.patches.grid
print("patch tokens: \(grid.height) × \(grid.width) patches of \(features.patches.width) values")

enum ExampleError: Error { case usage }

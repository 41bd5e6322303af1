// The patches of an image as colours: three principal components of their tokens.
//
//     patch-pca MODEL IMAGE OUTPUT.png        MODEL: a weight file, a model folder, or "random"

import DINOInference
import Imaging

let arguments = Array(CommandLine.arguments.dropFirst())
guard arguments.count == 3 else {
  print("usage: patch-pca MODEL IMAGE OUTPUT.png")
  throw ExampleError.usage
}

var request = ModelRequest(arguments[0] == "random" ? "dinov2_vits14" : arguments[0])
if arguments[0] == "random" { request.randomSeed = 0 }
let model = try await DINOv2.load(request)

// The shorter side becomes 448 pixels, the rest is cut to whole patches.
let preprocessing = Preprocessing(resize: 448, crop: nil)
let image = try ImageDecoder().decode(path: arguments[1])
let patches = try await model.features(of: image, preprocessing).patches

let colors = try PatchPCA.fit([patches]).colors(of: patches)
try ImageEncoder().write(colors.picture, to: arguments[2])
print("\(patches.grid.height) × \(patches.grid.width) patches drawn to \(arguments[2])")

enum ExampleError: Error { case usage }

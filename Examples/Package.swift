// swift-tools-version: 6.3

import PackageDescription

let package = Package(
  name: "dinov2-examples",
  dependencies: [
    // Without the trait `Hub` nothing of the network stack is built.
    .package(name: "swift-dinov2", path: "..", traits: [])
  ],
  targets: [
    .executableTarget(
      name: "extract-features",
      dependencies: [
        .product(name: "DINOv2Kit", package: "swift-dinov2"),
        .product(name: "Imaging", package: "swift-dinov2"),
      ]),
    .executableTarget(
      name: "patch-pca",
      dependencies: [
        .product(name: "DINOv2Kit", package: "swift-dinov2"),
        .product(name: "Imaging", package: "swift-dinov2"),
      ]),
  ],
  swiftLanguageModes: [.v6]
)

// swift-tools-version: 6.3

import PackageDescription

/// Settings of every Swift target; CI turns each warning into an error (see `.ci/run`).
let common: [SwiftSetting] =
  [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  ]
  + (Context.environment["DINOV2_WARNINGS_AS_ERRORS"] == "1"
    ? [.treatAllWarnings(as: .error)] : [])

/// For targets that never touch raw memory without saying so.
let safe: [SwiftSetting] = common + [.strictMemorySafety()]

/// For a target whose tests look inside in release too.
///
/// No library product holds such a target: a package could not depend on it by version then.
let testable: [SwiftSetting] = [.unsafeFlags(["-enable-testing"])]

let package = Package(
  name: "swift-dinov2",
  products: [
    .executable(name: "dinov2", targets: ["dinov2"]),
    .library(name: "DINOv2Kit", targets: ["DINOInference"]),
    .library(name: "DINOModels", targets: ["DINOModels"]),
    .library(name: "Imaging", targets: ["Imaging"]),
    .library(name: "CheckpointFormats", targets: ["CheckpointFormats"]),
  ],
  traits: [
    .default(enabledTraits: ["Hub"]),
    .trait(name: "Hub", description: "Download released weights (builds async-http-client)."),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
  ],
  targets: [
    // libtorch and libvips, found through pkg-config (`scripts/setup` writes `.deps/libtorch.pc`).
    .systemLibrary(name: "CLibTorch", pkgConfig: "libtorch"),
    .systemLibrary(name: "CVips", pkgConfig: "vips", providers: [.apt(["libvips-dev"])]),

    .target(name: "CTorch", dependencies: ["CLibTorch"]),
    .target(name: "Torch", dependencies: ["CTorch"], swiftSettings: common),
    .target(name: "CheckpointFormats", swiftSettings: safe),
    .target(name: "CResample"),
    .target(name: "CKernels"),
    .target(name: "Kernels", dependencies: ["CKernels"], swiftSettings: common),
    // Faiss (Debian's libfaiss-dev); its products of matrices come from libtorch.
    .target(
      name: "CFaiss", dependencies: ["CLibTorch"], cxxSettings: [.headerSearchPath("openmp")],
      linkerSettings: [
        .linkedLibrary("faiss"), .linkedLibrary("gomp"),
        // Faiss's own is compiled without vectors (see inner_product.c); no library product holds this.
        .unsafeFlags(["-Xlinker", "--wrap=_ZN5faiss18fvec_inner_productEPKfS1_m"]),
      ]),
    .target(name: "Imaging", dependencies: ["CVips", "CResample"], swiftSettings: common),
    .target(
      name: "DINOModels", dependencies: ["Torch", "CheckpointFormats"], swiftSettings: safe),
    .target(name: "DINOData", dependencies: ["Imaging"], swiftSettings: safe),
    .target(name: "Telemetry", swiftSettings: safe),
    .target(
      name: "DINOInference",
      dependencies: [
        "DINOModels", "DINOData", "Imaging", "Kernels", "Torch", "CheckpointFormats",
      ], resources: [.copy("Resources/dinov2_vitt14")], swiftSettings: safe),
    .target(
      name: "DINOTraining",
      dependencies: [
        "DINOModels", "DINOData", "Imaging", "Kernels", "Torch", "CheckpointFormats", "Telemetry",
        .product(name: "Yams", package: "Yams"), .product(name: "Crypto", package: "swift-crypto"),
      ], swiftSettings: safe),
    .target(
      name: "DINOEvaluation",
      dependencies: [
        "DINOInference", "DINOModels", "DINOData", "Imaging", "Torch", "CheckpointFormats",
      ], swiftSettings: safe),
    .target(
      name: "DINOCuration",
      dependencies: [
        "DINOTraining", "DINOInference", "DINOModels", "DINOData", "Imaging", "Kernels", "CFaiss",
        "Telemetry", "Torch", "CheckpointFormats",
        .product(name: "GRDB", package: "GRDB.swift"), .product(name: "Yams", package: "Yams"),
        .product(name: "Crypto", package: "swift-crypto"),
      ], swiftSettings: safe),
    .target(
      name: "DINOHub",
      dependencies: [
        .product(name: "Crypto", package: "swift-crypto"),
        .product(
          name: "AsyncHTTPClient", package: "async-http-client", condition: .when(traits: ["Hub"])),
        .product(name: "NIOCore", package: "swift-nio", condition: .when(traits: ["Hub"])),
        .product(name: "NIOHTTP1", package: "swift-nio", condition: .when(traits: ["Hub"])),
        .product(name: "NIOPosix", package: "swift-nio", condition: .when(traits: ["Hub"])),
      ],
      swiftSettings: safe + testable),
    .executableTarget(
      name: "dinov2",
      dependencies: [
        "DINOInference", "DINOTraining", "DINOEvaluation", "DINOCuration", "DINOHub", "DINOData",
        "DINOModels", "Imaging", "Telemetry", "Torch", "CheckpointFormats", "Kernels",
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: safe),

    .executableTarget(
      name: "MeanIoUBenchmark", dependencies: ["DINOEvaluation"], path: "Benchmarks/heads/MeanIoU",
      swiftSettings: safe),
    .executableTarget(
      name: "LoaderBenchmark", dependencies: ["DINOTraining", "DINOData"],
      path: "Benchmarks/training/Loader", swiftSettings: safe),

    .target(
      name: "DINOTestSupport", dependencies: ["CheckpointFormats"], path: "Tests/DINOTestSupport",
      swiftSettings: common),
    .testTarget(
      name: "CheckpointFormatsTests", dependencies: ["CheckpointFormats", "DINOTestSupport"],
      swiftSettings: common),
    .testTarget(
      name: "TorchTests", dependencies: ["Torch", "DINOTestSupport"], swiftSettings: common),
    .testTarget(name: "KernelsTests", dependencies: ["Kernels"], swiftSettings: common),
    .testTarget(
      name: "ImagingTests", dependencies: ["Imaging", "DINOTestSupport"], swiftSettings: common),
    .testTarget(
      name: "DINOModelsTests",
      dependencies: ["DINOModels", "Torch", "CheckpointFormats", "DINOTestSupport"],
      swiftSettings: common),
    .testTarget(
      name: "DINODataTests", dependencies: ["DINOData", "Imaging", "DINOTestSupport"],
      swiftSettings: common),
    .testTarget(
      name: "DINOInferenceTests",
      dependencies: [
        "DINOInference", "DINOModels", "DINOData", "Imaging", "Kernels", "Torch",
        "CheckpointFormats",
        "DINOTestSupport",
      ],
      swiftSettings: common),
    .testTarget(
      name: "DINOTrainingTests",
      dependencies: [
        "DINOTraining", "DINOModels", "DINOData", "Imaging", "Kernels", "Torch",
        "CheckpointFormats", "Telemetry", "DINOTestSupport",
      ],
      swiftSettings: common),
    .testTarget(
      name: "DINOEvaluationTests",
      dependencies: [
        "DINOEvaluation", "DINOInference", "DINOModels", "DINOData", "Imaging", "Torch",
        "CheckpointFormats", "DINOTestSupport",
      ],
      swiftSettings: common),
    .testTarget(
      name: "DINOCurationTests",
      dependencies: [
        "DINOCuration", "DINOTraining", "DINOInference", "DINOModels", "DINOData", "Imaging",
        "Torch", "CheckpointFormats", "DINOTestSupport",
      ],
      swiftSettings: common),
    .testTarget(
      name: "DINOHubTests",
      dependencies: [
        "DINOHub", "DINOTestSupport",
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: common),
    .testTarget(
      name: "TelemetryTests", dependencies: ["Telemetry", "DINOTestSupport"], swiftSettings: common),
    .testTarget(
      name: "CommandTests", dependencies: ["DINOTestSupport", "CheckpointFormats", "Imaging"],
      swiftSettings: common),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx20
)

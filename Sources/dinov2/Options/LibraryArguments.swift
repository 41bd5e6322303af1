public import ArgumentParser
public import DINOCuration
public import DINOEvaluation
public import DINOInference

// Choices of the libraries that are options by their raw values.
extension DedupStage.Space: ExpressibleByArgument {}
extension DedupStage.Representative: ExpressibleByArgument {}
extension RelativeDeduplication.Reading: ExpressibleByArgument {}
extension ClusterStage.Seeding: ExpressibleByArgument {}
extension HierarchicalSampling.Strategy: ExpressibleByArgument {}
extension SampleStage.Source: ExpressibleByArgument {}
extension EmbeddingStore.Precision: ExpressibleByArgument {}
extension DescriptorRecipe.Pooling: ExpressibleByArgument {}
extension FrameTracker.Features: ExpressibleByArgument {}

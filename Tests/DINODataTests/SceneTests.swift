import DINOData
import Imaging
import Testing

@Suite("Scenes")
struct SceneTests {
  private static let sizes = [(1, 1), (14, 14), (56, 98), (98, 56), (131, 77)]

  @Test("have at least ten classes with names of their own")
  func haveClasses() {
    #expect(Scene.classNames.count >= 10)
    #expect(Set(Scene.classNames).count == Scene.classNames.count)
  }

  /// The sum over many pictures, as it was on the machine that wrote this test: if it differs, the
  /// pictures do, and models that were trained on them must be trained again.
  @Test("have the same bytes on every machine")
  func areReproducible() throws {
    var sum: UInt64 = 0xCBF2_9CE4_8422_2325
    func add(_ byte: UInt8) { sum = (sum ^ UInt64(byte)) &* 0x100_0000_01B3 }
    let renderer = SceneRenderer(seed: 2_024)
    for index in 0..<40 {
      let image = try renderer.render(renderer.scene(at: index), size: Size(height: 42, width: 56))
      for byte in image.image.storage { add(byte) }
      for byte in image.instances { add(byte) }
      for metres in image.depth {
        for shift in [0, 8, 16, 24] { add(UInt8(truncatingIfNeeded: metres.bitPattern >> shift)) }
      }
    }
    #expect(String(sum, radix: 16) == "7520f8bb3628870a")
  }

  @Test("depend on nothing but seed and number")
  func dependOnSeed() throws {
    let first = SceneRenderer(seed: 5)
    let second = SceneRenderer(seed: 5)
    _ = second.scene(at: 9)

    #expect(first.scene(at: 3) == second.scene(at: 3))
    #expect(
      try first.render(first.scene(at: 3), size: Size(height: 33, width: 20))
        == second.render(second.scene(at: 3), size: Size(height: 33, width: 20)))
    #expect(first.scene(at: 3) != first.scene(at: 4))
    #expect(first.scene(at: 3) != SceneRenderer(seed: 6).scene(at: 3))
    #expect(first.scene(at: -1) == second.scene(at: -1))
  }

  @Test("have the class that was asked for, whose object is large and visible")
  func showMainObject() throws {
    let renderer = SceneRenderer(seed: 11)
    for label in Scene.classNames.indices {
      for index in 0..<12 {
        let scene = try renderer.scene(at: index, classIndex: label)
        let image = try renderer.render(scene, size: Size(height: 98, width: 98))
        let largest = image.boxes.filter { $0.classIndex == label }.map(\.area).max() ?? 0
        #expect(image.classIndex == label)
        // A sign is thin: it covers the least.
        #expect(largest > 98 * 98 / 80, "\(Scene.classNames[label]) \(index): \(largest)")
      }
    }
  }

  @Test("have all classes about equally often")
  func areBalanced() {
    let renderer = SceneRenderer(seed: 3)
    var counts = [Int](repeating: 0, count: Scene.classNames.count)
    for index in 0..<1_400 { counts[renderer.scene(at: index).classIndex] += 1 }
    let mean = 1_400 / Double(counts.count)
    // Six standard deviations of a binomial count.
    #expect(counts.allSatisfy { abs(Double($0) - mean) < 6 * mean.squareRoot() })
  }

  @Test("have masks, boxes and depth that agree", arguments: sizes)
  func groundTruthAgrees(height: Int, width: Int) throws {
    let renderer = SceneRenderer(seed: 8)
    for index in 0..<30 {
      let image = try renderer.render(
        renderer.scene(at: index), size: Size(height: height, width: width))
      #expect(image.image.storage.count == height * width * 3)
      #expect(image.mask.count == height * width && image.depth.count == height * width)
      #expect(image.depth.allSatisfy { $0.isFinite && $0 >= 0 })
      #expect(image.mask.allSatisfy { Int($0) <= Scene.classNames.count })
      for place in image.mask.indices where image.instances[place] == 0 {
        #expect(image.mask[place] == 0)
      }
      for box in image.boxes {
        var (left, right, top, bottom, area) = (Int.max, -1, Int.max, -1, 0)
        for place in image.instances.indices where Int(image.instances[place]) == box.instance {
          #expect(Int(image.mask[place]) == box.classIndex + 1)
          (left, right) = (min(left, place % width), max(right, place % width))
          (top, bottom) = (min(top, place / width), max(bottom, place / width))
          area += 1
        }
        #expect([box.region.left, box.region.top] == [left, top] && box.area == area)
        #expect([box.region.width, box.region.height] == [right - left + 1, bottom - top + 1])
      }
    }
  }

  @Test("have a background that recedes upwards")
  func backgroundRecedes() throws {
    let renderer = SceneRenderer(seed: 21)
    for index in 0..<40 {
      let image = try renderer.render(renderer.scene(at: index), size: Size(height: 70, width: 70))
      let wrong = (70..<70 * 70).filter { here in
        let above = here - 70
        return image.instances[here] == 0 && image.instances[above] == 0 && image.depth[above] > 0
          && image.depth[above] < image.depth[here]
      }
      #expect(wrong.isEmpty, "scene \(index)")
    }
  }

  @Test("have objects in front of what they hide")
  func objectsHideWhatIsBehind() throws {
    let renderer = SceneRenderer(seed: 22)
    for index in 0..<40 {
      let image = try renderer.render(renderer.scene(at: index), size: Size(height: 70, width: 70))
      // Where an object ends upwards at the background, that is farther away, or the sky.
      let wrong = (70..<70 * 70).filter { here in
        let above = here - 70
        return image.instances[here] > 0 && image.instances[above] == 0 && image.depth[above] > 0
          && image.depth[above] < image.depth[here]
      }
      #expect(wrong.isEmpty, "scene \(index)")
    }
  }

  @Test("are the same picture at any size")
  func scaleWithSize() throws {
    let renderer = SceneRenderer(seed: 31)
    for index in 0..<10 {
      let scene = renderer.scene(at: index)
      let small = try renderer.render(scene, size: Size(height: 48, width: 48))
      let large = try renderer.render(scene, size: Size(height: 144, width: 144))
      var difference = 0
      for row in 0..<48 {
        for column in 0..<48 {
          let big = ((row * 3 + 1) * 144 + column * 3 + 1)
          if small.instances[row * 48 + column] != large.instances[big] { difference += 1 }
        }
      }
      // Only pixels on outlines may differ.
      #expect(difference < 48 * 48 / 20, "scene \(index): \(difference)")
    }
  }

  @Test("are neither black nor burnt out, and differ in colour")
  func areWellExposed() throws {
    let renderer = SceneRenderer(seed: 41)
    for index in 0..<40 {
      let pixels = try renderer.render(renderer.scene(at: index), size: Size(height: 56, width: 56))
        .image.storage
      let mean = pixels.reduce(0) { $0 + Double($1) } / Double(pixels.count)
      let variance =
        pixels.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(pixels.count)
      #expect((40...215).contains(mean), "scene \(index): mean \(mean)")
      #expect(variance.squareRoot() > 10)
      #expect(pixels.filter { $0 == 255 }.count < pixels.count / 5)
    }
  }

  @Test(
    "refuse sizes and classes that cannot be",
    arguments: [(0, 5), (5, 0), (-1, 5), (8_193, 5), (Int.max, Int.max)])
  func refuseSizes(height: Int, width: Int) {
    let renderer = SceneRenderer(seed: 1)
    let error = #expect(throws: DataError.self) {
      try renderer.render(renderer.scene(at: 0), size: Size(height: height, width: width))
    }
    #expect(error?.category == .usage)
    #expect(throws: DataError.self) {
      try renderer.scene(at: 0, classIndex: Scene.classNames.count)
    }
    #expect(throws: DataError.self) { try renderer.scene(at: 0, classIndex: -1) }
  }
}

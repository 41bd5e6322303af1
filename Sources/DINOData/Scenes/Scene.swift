/// A small still life or landscape as a value: what stands where, in metres, and how it is lit.
///
/// A scene is a function of its seed; ``SceneRenderer`` draws it at any size. The camera looks
/// along z; the ground is a plane; things stand upright on it and face the camera.
public struct Scene: Sendable, Equatable {
  /// Something that stands on the ground.
  struct Item: Sendable, Equatable {
    /// The index in ``Scene/classNames``, or nil for clutter.
    let classIndex: Int?
    /// The pieces, back to front; the foot is at 0, the top near 1.
    let parts: [Part]
    /// The height of one unit, in metres.
    let height: Float
    /// The place of the foot: metres to the right of the axis, and from the camera.
    let x: Float
    let z: Float
    /// Whether left and right are exchanged.
    let isFlipped: Bool
    /// Half the width of the foot in units of the height, for the shadow.
    let footing: Float
    /// How far it reaches to the left or right, in units of the height.
    let halfWidth: Float
  }

  /// The camera; lengths in the image are in units of its shorter side.
  struct Camera: Sendable, Equatable {
    /// The focal length.
    let focal: Float
    /// The horizon's place below the middle of the image.
    let horizon: Float
    /// Metres above the ground.
    let height: Float

    /// The row at which the ground is at a distance, below the middle of the image.
    func row(ofGroundAt z: Float) -> Float { horizon + focal * height / z }
  }

  /// The light and the picture's tone.
  struct Light: Sendable, Equatable {
    /// The direction towards the light: right, up, towards the viewer; length 1.
    let direction: SIMD3<Float>
    let color: Color
    let ambient: Color
    /// How dark shadows are, 0 to 1.
    let shadow: Float
    let exposure: Float
    let vignette: Float
    let grain: Float
  }

  let camera: Camera
  let light: Light
  let background: Background
  /// Far to near.
  let items: [Item]
  /// The item that gives the scene its class.
  let mainItem: Int
  /// Seeds textures and grain.
  let noiseSeed: UInt32

  /// The names of the classes in the order of their indices.
  public static let classNames: [String] = SceneCatalogue.classes.map(\.name)

  /// The class index of the main object.
  public var classIndex: Int { items[mainItem].classIndex ?? 0 }
}

/// What stands behind and under the items.
struct Background: Sendable, Equatable {
  enum Kind: Sendable, Equatable {
    /// A table before a wall at a distance in metres.
    case room(wallDistance: Float)
    /// A field under the sky, with rows of hills, far to near; the ground ends at the nearest.
    case field(hills: [Hill])
  }

  /// A row of hills.
  struct Hill: Sendable, Equatable {
    /// Metres from the camera.
    let distance: Float
    /// The mean height above the horizon and the swing about it, in units of the shorter side.
    let height: Float
    let swing: Float
    let frequency: Float
    let color: Color
  }

  let kind: Kind
  /// The ground's surface; its pattern lies in the plane, in units of `groundScale` metres.
  let ground: Material
  let groundScale: Float
  /// The wall's surface, or for a field the sky at the horizon and above.
  let back: Material
  /// How much of the sky is covered, 0 to 1.
  let clouds: Float
  /// Metres after which haze hides half; infinite indoors.
  let haze: Float
}

/// A Python wheel of the official Hyper API, which carries hyperd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wheel {
    /// The operating system, as `std::env::consts::OS` spells it.
    pub os: &'static str,
    /// The processor, as `std::env::consts::ARCH` spells it.
    pub arch: &'static str,
    /// The version of the package `tableauhyperapi`.
    pub version: &'static str,
    /// The platform tag, as pip takes it.
    pub platform: &'static str,
    /// The file's name.
    pub file: &'static str,
    /// The file's size in bytes.
    pub size: u64,
    /// The file's SHA-256 in lower-case hexadecimal.
    pub sha256: &'static str,
    /// Where in it hyperd is.
    pub member: &'static str,
    /// The size of hyperd in bytes.
    pub member_size: u64,
}

/// The package's name.
const PACKAGE: &str = "tableauhyperapi";

/// The wheels we take, one a platform: the newest that was published for it. Everything measured about hyperd was
/// measured on the one for Linux.
pub const PINNED: [Wheel; 4] = [
    Wheel {
        os: "linux",
        arch: "x86_64",
        version: "0.0.26963",
        platform: "manylinux2014_x86_64",
        file: "tableauhyperapi-0.0.26963-py3-none-manylinux2014_x86_64.whl",
        size: 90_909_073,
        sha256: "35376f598c6fdfa52fe25769778f756e2daec1c124ff8f471b5e098cb9cf7863",
        member: "tableauhyperapi/bin/hyper/hyperd",
        member_size: 261_293_936,
    },
    Wheel {
        os: "macos",
        arch: "aarch64",
        version: "0.0.26479",
        platform: "macosx_13_0_arm64",
        file: "tableauhyperapi-0.0.26479-py3-none-macosx_13_0_arm64.whl",
        size: 80_316_638,
        sha256: "e80e4dac6d8437ad8c20f36add7e523b18bc06d90d4c605a256c57df8df2c118",
        member: "tableauhyperapi/bin/hyper/hyperd",
        member_size: 277_836_448,
    },
    Wheel {
        os: "macos",
        arch: "x86_64",
        version: "0.0.26479",
        platform: "macosx_10_11_x86_64",
        file: "tableauhyperapi-0.0.26479-py3-none-macosx_10_11_x86_64.whl",
        size: 87_593_601,
        sha256: "960e276028137847a3870695d9c2d5a1392c173b1e119ff1146d24a75deca71a",
        member: "tableauhyperapi/bin/hyper/hyperd",
        member_size: 289_253_920,
    },
    Wheel {
        os: "windows",
        arch: "x86_64",
        version: "0.0.26963",
        platform: "win_amd64",
        file: "tableauhyperapi-0.0.26963-py3-none-win_amd64.whl",
        size: 72_770_537,
        sha256: "35e64279c619157561158128b3ef7e2c1107855be39b8fa0c1967371ad394ffd",
        member: "tableauhyperapi/bin/hyper/hyperd.exe",
        member_size: 222_035_968,
    },
];

impl Wheel {
    /// The wheel for a platform; `None` where Hyper was never published.
    #[must_use]
    pub fn for_platform(os: &str, arch: &str) -> Option<Self> {
        PINNED.into_iter().find(|wheel| wheel.os == os && wheel.arch == arch)
    }

    /// The requirement that makes pip take this version and no other.
    #[must_use]
    pub fn requirement(&self) -> alloc::string::String {
        alloc::format!("{PACKAGE}=={}", self.version)
    }

    /// The name of the folder that a cache keeps this hyperd in.
    #[must_use]
    pub fn cache_name(&self) -> alloc::string::String {
        alloc::format!("{}-{}", self.version, self.platform)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pinned_wheel_is_complete_and_the_only_one_of_its_platform() {
        for wheel in PINNED {
            assert_eq!(Wheel::for_platform(wheel.os, wheel.arch), Some(wheel));
            assert!(wheel.file.contains(wheel.version) && wheel.file.ends_with(".whl"), "{wheel:?}");
            assert!(wheel.file.contains(wheel.platform), "{wheel:?}");
            assert_eq!(wheel.sha256.len(), 64, "{wheel:?}");
            assert!(wheel.sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{wheel:?}");
            assert!(wheel.member_size > wheel.size, "{wheel:?}");
        }
    }

    #[test]
    fn a_platform_without_hyper_has_no_wheel() {
        assert_eq!(Wheel::for_platform("linux", "aarch64"), None);
        assert_eq!(Wheel::for_platform("freebsd", "x86_64"), None);
    }
}

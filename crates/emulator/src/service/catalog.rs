//! Bundles, blueprints and disk performance.

use crate::api::instance::{IpAddressType, Port};
use crate::api::region::Region;

/// A size of bundles.
#[derive(Debug)]
pub(crate) struct Size {
    /// `instanceType`.
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    /// What a blueprint's `minPower` is compared with.
    pub(crate) power: u32,
    cpu_count: u8,
    pub(crate) ram_in_gb: f32,
    disk_in_gb: u32,
    pub(crate) transfer_in_gb: u32,
    /// Without an IPv4 address, in US dollars a month.
    linux: f32,
    /// 0: there is none for Windows.
    windows: f32,
    /// What the IPv4 address adds.
    ipv4: f32,
}

macro_rules! sizes {
    ($($id:literal $name:literal $power:literal $cpus:literal $ram:literal $disk:literal $transfer:literal
       $linux:literal $windows:literal $ipv4:literal)*) => {
        &[$(Size {
            id: $id,
            name: $name,
            power: $power,
            cpu_count: $cpus,
            ram_in_gb: $ram,
            disk_in_gb: $disk,
            transfer_in_gb: $transfer,
            linux: $linux,
            windows: $windows,
            ipv4: $ipv4,
        }),*]
    };
}

/// The general purpose sizes, at the prices of US Regions.
static SIZES: &[Size] = sizes! {
    "nano" "Nano" 298 2 0.5 20 1024 3.5 8.0 1.5
    "micro" "Micro" 500 2 1.0 40 2048 5.0 12.0 2.0
    "small" "Small" 1000 2 2.0 60 3072 10.0 20.0 2.0
    "medium" "Medium" 2000 2 4.0 80 4096 20.0 40.0 4.0
    "large" "Large" 3000 2 8.0 160 5120 40.0 70.0 4.0
    "xlarge" "Xlarge" 4000 4 16.0 320 6144 80.0 120.0 4.0
    "2xlarge" "2Xlarge" 5000 8 32.0 640 7168 160.0 240.0 4.0
    "4xlarge" "4Xlarge" 6000 16 64.0 1280 8192 380.0 0.0 4.0
    "8xlarge" "8Xlarge" 7000 32 128.0 1280 9216 880.0 0.0 4.0
    "12xlarge" "12Xlarge" 8000 48 192.0 1280 10240 1320.0 0.0 4.0
    "16xlarge" "16Xlarge" 9000 64 256.0 1280 10240 1760.0 0.0 4.0
};

/// The hardware of an instance. Its id ends in the generation and in a number by which the Regions
/// differ: `small_win_ipv6_3_0`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bundle {
    pub(crate) size: &'static Size,
    pub(crate) is_windows: bool,
    pub(crate) is_ipv6_only: bool,
    /// The current generation, not the one before, which is inactive everywhere.
    pub(crate) is_current: bool,
    variant: u8,
}

impl Bundle {
    /// The bundle with this id, of any Region.
    pub(crate) fn parse(id: &str) -> Option<Self> {
        let (rest, variant) = id.rsplit_once('_')?;
        let (rest, generation) = rest.rsplit_once('_')?;
        let (rest, is_ipv6_only) = strip(rest, "_ipv6");
        let (size, is_windows) = strip(rest, "_win");
        let bundle = Self {
            size: SIZES.iter().find(|known| known.id == size)?,
            is_windows,
            is_ipv6_only,
            is_current: generation == "3",
            variant: variant.parse().ok().filter(|variant| *variant <= 2)?,
        };
        (bundle.exists() && bundle.id() == id).then_some(bundle)
    }

    /// The bundles of a Region, inactive ones included.
    pub(crate) fn all_in(region: Region) -> impl Iterator<Item = Self> {
        let kinds = [
            (true, false, false),
            (true, true, false),
            (true, false, true),
            (true, true, true),
            (false, false, false),
            (false, true, false),
        ];
        let all = kinds
            .into_iter()
            .flat_map(move |(is_current, is_windows, is_ipv6_only)| {
                SIZES.iter().map(move |size| Self {
                    size,
                    is_windows,
                    is_ipv6_only,
                    is_current,
                    variant: variant(region),
                })
            });
        all.filter(Self::exists)
    }

    fn exists(&self) -> bool {
        let is_large = self.size.windows == 0.0;
        !(is_large && (self.is_windows || !self.is_current)
            || self.is_ipv6_only && !self.is_current)
    }

    /// Whether a Region may offer it.
    pub(crate) fn is_of(&self, region: Region) -> bool {
        self.is_current && self.variant == variant(region)
    }

    pub(crate) fn id(&self) -> String {
        let windows = if self.is_windows { "_win" } else { "" };
        let ipv6 = if self.is_ipv6_only { "_ipv6" } else { "" };
        let generation = if self.is_current { 3 } else { 2 };
        format!(
            "{}{windows}{ipv6}_{generation}_{}",
            self.size.id, self.variant
        )
    }

    pub(crate) fn cpu_count(&self) -> u8 {
        match self.size.ram_in_gb {
            ..=2.0 if !self.is_current => 1,
            _ => self.size.cpu_count,
        }
    }

    pub(crate) fn disk_in_gb(&self) -> u32 {
        match self.is_windows {
            true => self.size.disk_in_gb.max(30),
            false => self.size.disk_in_gb,
        }
    }

    /// In US dollars a month. The IPv4 address of the generation before cost nothing.
    pub(crate) fn price(&self) -> f32 {
        let platform = if self.is_windows {
            self.size.windows
        } else {
            self.size.linux
        };
        match self.is_current && !self.is_ipv6_only {
            true => platform + self.size.ipv4,
            false => platform,
        }
    }

    /// Whether an instance of this bundle can have such addresses.
    pub(crate) fn allows(&self, addresses: IpAddressType) -> bool {
        self.is_ipv6_only == (addresses == IpAddressType::Ipv6)
    }
}

fn strip<'a>(text: &'a str, suffix: &str) -> (&'a str, bool) {
    match text.strip_suffix(suffix) {
        Some(rest) => (rest, true),
        None => (text, false),
    }
}

/// The number at the end of the ids of a Region's bundles.
fn variant(region: Region) -> u8 {
    match region {
        Region::ApSouth1 | Region::SaEast1 => 1,
        Region::ApSoutheast2 => 2,
        _ => 0,
    }
}

const IOPS_PER_GB: u32 = 3;
const MINIMUM_IOPS: u32 = 100;

/// The public address of instances whose world does not name one.
pub(crate) const DEFAULT_PUBLIC_IP_ADDRESS: &str = "198.51.100.10";

/// The device of a disk whose world does not name one.
pub(crate) const DEFAULT_PATH: &str = "/dev/xvdf";

/// The blueprint of instances whose world does not name one.
pub(crate) const DEFAULT_BLUEPRINT: &str = "wordpress";

/// The bundle of instances whose world does not name one.
pub(crate) fn default_bundle(blueprint_id: &str, region: Region) -> String {
    let windows = if is_windows(blueprint_id) { "_win" } else { "" };
    format!("small{windows}_3_{}", variant(region))
}

/// Whether the blueprint's platform is Windows. Lightsail makes no automatic snapshots of Windows
/// instances.
pub(crate) fn is_windows(blueprint_id: &str) -> bool {
    blueprint_id.starts_with("windows_")
}

/// A blueprint's name: `windows_server_2022` gives `Windows Server 2022`.
pub(crate) fn blueprint_name(id: &str) -> String {
    match id {
        "wordpress" => return "WordPress".to_owned(),
        id if id.starts_with("ubuntu_") => return "Ubuntu".to_owned(),
        id if id.starts_with("debian_") => return "Debian".to_owned(),
        _ => {}
    }
    let words = id.split('_').map(|word| {
        let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
        first.to_uppercase() + rest
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The user name of a new instance.
pub(crate) fn username(blueprint_id: &str) -> &'static str {
    match blueprint_id {
        id if is_windows(id) => "Administrator",
        id if id.starts_with("amazon_linux") => "ec2-user",
        id if id.starts_with("ubuntu") => "ubuntu",
        id if id.starts_with("debian") => "admin",
        _ => "bitnami",
    }
}

/// The firewall of a new instance.
pub(crate) fn default_ports(blueprint_id: &str) -> Vec<Port> {
    match blueprint_id {
        id if is_windows(id) => vec![Port::tcp(80), Port::tcp(3389)],
        DEFAULT_BLUEPRINT => vec![Port::tcp(22), Port::tcp(80), Port::tcp(443)],
        _ => vec![Port::tcp(22), Port::tcp(80)],
    }
}

/// The performance of a disk.
pub(crate) fn iops(size_in_gb: u32) -> u32 {
    size_in_gb.saturating_mul(IOPS_PER_GB).max(MINIMUM_IOPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_parse_and_prices_are_those_of_the_price_list() {
        for (id, price) in [
            ("nano_3_0", 5.0),
            ("small_3_2", 12.0),
            ("2xlarge_3_1", 164.0),
            ("16xlarge_3_0", 1764.0),
            ("nano_ipv6_3_0", 3.5),
            ("nano_win_3_0", 9.5),
            ("2xlarge_win_3_0", 244.0),
            ("small_win_ipv6_3_0", 20.0),
            ("nano_2_1", 3.5),
            ("medium_win_2_0", 40.0),
        ] {
            let bundle = Bundle::parse(id).unwrap_or_else(|| panic!("{id}"));
            assert_eq!((bundle.id(), bundle.price()), (id.to_owned(), price));
        }
        for id in [
            "",
            "nano",
            "nano_3_3",
            "nano_4_0",
            "huge_3_0",
            "nano_ipv6_2_0",
            "4xlarge_win_3_0",
        ] {
            assert!(Bundle::parse(id).is_none(), "{id}");
        }
    }
}

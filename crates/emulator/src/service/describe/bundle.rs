use crate::api::members;
use crate::service::catalog::Bundle;

/// A bundle.
pub(in crate::service) fn bundle(bundle: &Bundle, is_active: bool) -> members::Bundle {
    members::Bundle {
        price: bundle.price,
        cpu_count: bundle.cpu_count,
        disk_size_in_gb: bundle.disk_in_gb,
        bundle_id: bundle.id,
        instance_type: bundle.size(),
        is_active,
        name: bundle.name(),
        power: bundle.power(),
        ram_size_in_gb: bundle.ram_in_gb,
        transfer_per_month_in_gb: bundle.transfer_in_gb,
        supported_platforms: [if bundle.is_windows() {
            "WINDOWS"
        } else {
            "LINUX_UNIX"
        }],
        supported_app_categories: [],
        public_ipv4_address_count: 1,
    }
}

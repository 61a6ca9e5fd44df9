#!/usr/bin/env bash
#
# DevStack plugin of pci_ext: see devstack/README.rst.

PCI_EXT_CONF=$NOVA_CONF_DIR/nova.conf.d/pci_ext.conf

# The configuration files of Nova's services on this host. nova-cpu.conf is a
# copy of nova.conf, which DevStack makes when it starts nova-compute.
function pci_ext_nova_configs {
    local cell conf
    echo "$NOVA_CONF"
    for cell in $(seq 1 "$NOVA_NUM_CELLS"); do
        conf=$(conductor_conf "$cell")
        if [[ "$conf" != "$NOVA_CONF" && -f "$conf" ]]; then
            echo "$conf"
        fi
    done
}

function install_pci_ext {
    local extras=client
    if is_service_enabled n-cpu; then
        extras+=,libvirt
    fi
    setup_develop "$PCI_EXT_DIR" "$extras"
}

# iniadd takes each word for a value, and local.conf loses the quotes of JSON.
# Nova reads this directory too.
function write_pci_information {
    local entry
    mkdir -p "$(dirname "$PCI_EXT_CONF")"
    {
        echo '[pci_ext]'
        while IFS= read -r entry; do
            if [[ -n "$entry" ]]; then
                echo "pci_information = $entry"
            fi
        done <<< "$PCI_EXT_PCI_INFORMATION"
    } > "$PCI_EXT_CONF"
}

function configure_pci_ext {
    local conf
    for conf in $(pci_ext_nova_configs); do
        # Beside the drivers that send notifications.
        iniadd "$conf" oslo_messaging_notifications driver pci_ext
    done
    if is_service_enabled n-cpu; then
        iniset "$NOVA_CONF" DEFAULT compute_driver "$PCI_EXT_COMPUTE_DRIVER"
        write_pci_information
    fi
    if is_service_enabled n-api; then
        iniset "$NOVA_CONF" pci_ext_database connection \
            "$(database_connection_url pci_ext)"
    fi
}

function init_pci_ext {
    if is_service_enabled n-api; then
        recreate_database pci_ext
        "$NOVA_BIN_DIR/pci-ext-manage" --config-file "$NOVA_CONF" db sync
    fi
}

if is_service_enabled nova; then
    case "$1 ${2:-}" in
    'stack install')
        echo_summary "Installing pci_ext"
        install_pci_ext
        ;;
    'stack post-config')
        echo_summary "Configuring pci_ext"
        configure_pci_ext
        init_pci_ext
        ;;
    'clean '*)
        rm -f "$PCI_EXT_CONF"
        ;;
    esac
fi

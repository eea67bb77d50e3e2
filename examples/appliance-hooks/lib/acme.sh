# What every program of Acme begins with. /bin/sh, iproute2, nftables.
set -euf
PATH=/usr/sbin:/usr/bin:/sbin:/bin
NOS=acme-nos
RUN=/run/acme

fail() { echo "$1" >&2; exit "${2:-1}"; }

# The document on the input becomes variables: $nic_mac, $lease_address, $guestPort_outer …
told=$(/opt/acme/lib/words 2>/dev/null) || fail "this is no JSON document" 2
eval "$told"
[ "${version:-}" = 1 ] || fail "version ${version:-none} is not spoken here" 2

runs() { [ -e "/run/netns/$NOS" ]; }
in_nos() { nsenter --net="/run/netns/$NOS" -- "$@"; }

# The links with a MAC: links MAC [-n NAMESPACE]
links() {
    mac=$1
    shift
    ip "$@" -o link show | sed -n "s/^[0-9]*: \([^:@]*\)[:@].* link\/ether $mac .*/\1/p"
}

# All rules of Acme, replaced at once: the platform is for the guest, by the primary address of the primary NIC.
rules() {
    guest=${guestPort_innerAddress%/*} nat=
    [ ! -f "$RUN/primary" ] || nat=$(cat "$RUN/primary")
    addresses=$(echo "$platform" | sed 's/ /, /g')
    in_nos nft -f - <<END
add table ip acme
delete table ip acme
table ip acme {
    chain transit {
        type filter hook prerouting priority -310; policy accept;
        iifname { "lo", "$guestPort_outer" } accept
        ip daddr { $addresses } drop
        ip saddr $guest drop
    }
    chain forward {
        type filter hook forward priority -10; policy accept;
        iifname "$guestPort_outer" ct state invalid drop
        ip daddr { $addresses } iifname "$guestPort_outer" ip saddr $guest accept
        ip daddr { $addresses } drop
    }
    chain nat {
        type nat hook postrouting priority 100; policy accept;
        $nat
    }
}
END
}

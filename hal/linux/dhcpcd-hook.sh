#!/bin/sh
# Started by dhcpcd, as root, for each event of a lease. Leaves what it was told, one NAME=VALUE a line, as a whole file or not at
# all: Weir reads it there, also a Weir that was started later.
umask 022
case "$protocol" in dhcp | dhcp6) ;; *) exit 0 ;; esac
file="${weir_leases:?}/$interface-${weir_family:?}.lease"
env | sed -n '/^\(reason\|new_[a-z0-9_]*\)=/p' | head -c 65536 >"$file.new" && mv "$file.new" "$file"

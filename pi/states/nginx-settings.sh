# shellcheck shell=bash disable=SC2154
# What the shared server block includes on each Pi.

use files
takes content

want() { want_file /etc/nginx/snippets/twopir.conf "$content"; }

unwant() { rm -f /etc/nginx/snippets/twopir.conf; }

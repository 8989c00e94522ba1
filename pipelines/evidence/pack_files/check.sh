#!/bin/sh
# Checks this pack with sha256sum and openssl alone. sh check.sh [CA certificate from outside this pack]
set -eu
cd "$(dirname "$0")"
ca=${1:-ca.crt}
openssl cms -verify -binary -inform DER -in SHA256SUMS.p7s -content SHA256SUMS \
    -CAfile "$ca" -certfile ward.crt -purpose any -out /dev/null 2>/dev/null ||
    { echo "署名が合いません (the signature does not fit)"; exit 1; }
sha256sum --check --strict --quiet SHA256SUMS ||
    { echo "ファイルが署名されたときと違います (a file was changed)"; exit 1; }
for file in *; do
    case $file in SHA256SUMS | SHA256SUMS.p7s) continue ;; esac
    grep -q -F -x -e "$(sha256sum "$file")" SHA256SUMS ||
        { echo "署名されていないファイルがあります (not signed): $file"; exit 1; }
done
echo "すべて署名されたときのままです (everything is as it was signed)"
openssl x509 -in ward.crt -noout -subject -fingerprint -sha256

#!/usr/bin/env bash
# Makes the secrets of docker-compose.yml, once: docker/secrets.sh [FOLDER]   (default: secrets, beside the file)
# The folder is for its owner only. The files in it can be read by all, because a container runtime mounts them as
# they are, and the users inside are others than yours.
set -euo pipefail
umask 077
cd "$(dirname "$0")/.."
folder=${1:-secrets}
[ ! -e "$folder" ] || {
  echo "$folder is there already; what uses it would not start with other secrets" >&2
  exit 1
}

random() {
  od -An -tx1 -N "$1" /dev/urandom | tr -d ' \n'
}

mkdir -p "$folder"
random 24 >"$folder/database_password"
random 24 >"$folder/amqp_password"
random 32 >"$folder/key"

# RabbitMQ keeps SHA-256 over four octets of salt and the password, behind the salt.
hash=$(python3 - "$folder/amqp_password" <<'PYTHON'
import base64, hashlib, os, sys
password, salt = open(sys.argv[1], "rb").read(), os.urandom(4)
print(base64.b64encode(salt + hashlib.sha256(salt + password).digest()).decode())
PYTHON
)
cat >"$folder/amqp_user.json" <<JSON
{
  "users": [
    {
      "name": "telvisor",
      "password_hash": "$hash",
      "hashing_algorithm": "rabbit_password_hashing_sha256",
      "tags": ""
    }
  ],
  "permissions": [
    {
      "user": "telvisor",
      "vhost": "/",
      "configure": "^telvisor.*",
      "write": "^(telvisor.*|amq\\\\.default)$",
      "read": "^telvisor.*"
    }
  ]
}
JSON

# The sftp server's own key, and the key that the mediation platform shows; its private half is for the platform.
ssh-keygen -q -t ed25519 -N '' -C telvisor-sftp -f "$folder/sftp_host_key"
ssh-keygen -q -t ed25519 -N '' -C platform -f "$folder/sftp_platform_key"
mv "$folder/sftp_platform_key.pub" "$folder/sftp_authorized_keys"
chmod 644 "$folder"/*
chmod 600 "$folder/sftp_platform_key"

#!/usr/bin/env bash
# Installs what the tests need on a fresh Debian 12 with git, make, gcc and Rust, and only what is missing.
#   setup.sh            Debian packages and the Python environment in target/test-venv
#   setup.sh packages   Debian packages only (what one runs as root on behalf of another user)
#   setup.sh kit        all that, and the Node modules that run an official TM Forum kit, in conformance/node_modules
#   setup.sh soap       all that, and the SOAP client of Node, in tests/soap/node/node_modules
# Without root it prints the one command that installs the packages and stops with exit status 3.
source "$(dirname "$0")/common.sh"

missing_packages() {
  [ -n "$(postgres_bin)" ] || echo postgresql-15
  # Debian's python3 can lack the venv module's ensurepip; only running it tells.
  python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || echo python3 python3-venv
  [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || echo rabbitmq-server
  command -v asn1c >/dev/null || echo asn1c
  command -v gcc >/dev/null && [ -e /usr/include/stdio.h ] || echo gcc libc6-dev
  # Not grep -q: php would be cut off while it writes, and count as one that failed.
  php -m 2>/dev/null | grep -x soap >/dev/null || echo php-cli php-soap
  command -v wsdl2h >/dev/null && command -v soapcpp2 >/dev/null && [ -e /usr/include/stdsoap2.h ] ||
    echo gsoap libgsoap-dev
  command -v xmllint >/dev/null || echo libxml2-utils
  command -v g++ >/dev/null || echo g++
  command -v curl >/dev/null || echo curl
  command -v openssl >/dev/null || echo openssl
  command -v setpriv >/dev/null || echo util-linux
  command -v systemd-analyze >/dev/null || echo systemd
  command -v ssh-keygen >/dev/null || echo openssh-client
  [ -x /usr/sbin/sshd ] && [ -x /usr/lib/openssh/sftp-server ] || echo openssh-server
  [ -e /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
}

# Debian starts a service as soon as its package is installed, and PostgreSQL's makes a cluster. Neither is wanted:
# the tests start their own. Both switches are put back as they were, however this ends.
policy=/usr/sbin/policy-rc.d
no_cluster=/etc/postgresql-common/createcluster.d/telvisor-test.conf

keep_services_down() {
  # Where a saved one lies already, a killed run left it, and what stands now is our own.
  if [ -e "$policy" ] && [ ! -e "$policy.telvisor-saved" ]; then
    mv "$policy" "$policy.telvisor-saved"
  fi
  trap let_services_up EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  mkdir -p "$(dirname "$no_cluster")"
  echo 'create_main_cluster = false' >"$no_cluster"
}

let_services_up() {
  rm -f "$policy" "$no_cluster"
  if [ -e "$policy.telvisor-saved" ]; then
    mv "$policy.telvisor-saved" "$policy"
  fi
}

install_packages() {
  local packages
  packages=$(missing_packages | xargs)
  [ -n "$packages" ] || return 0
  if [ "$(id -u)" != 0 ]; then
    echo "These Debian packages are missing: $packages"
    echo "Install them as root, without starting any service, by this command, and run the tests again:"
    echo "    sudo $root/tests/run/setup.sh packages"
    exit 3
  fi
  echo "Installing Debian packages: $packages"
  keep_services_down
  export DEBIAN_FRONTEND=noninteractive
  timeout 600 apt-get -q -o Acquire::Retries=3 update
  # shellcheck disable=SC2086 # a list of words
  timeout 1800 apt-get -q -y -o Acquire::Retries=3 -o Dpkg::Options::=--force-confold \
    install --no-install-recommends $packages </dev/null
  let_services_up
  trap - EXIT
  packages=$(missing_packages | xargs)
  [ -z "$packages" ] || die "still missing after the installation: $packages"
}

# Rebuilt only when the list of requirements changes.
python_environment() {
  local wanted=tests/py/requirements.txt
  if [ -x "$venv/bin/python" ] && cmp -s "$wanted" "$venv/installed.txt"; then
    return
  fi
  echo "Making the Python environment in target/test-venv"
  rm -rf "$venv"
  python3 -m venv "$venv"
  timeout 1200 "$venv/bin/pip" --quiet --disable-pip-version-check install --retries 5 -r "$wanted" </dev/null
  cp "$wanted" "$venv/installed.txt"
}

# node_modules FOLDER: what the folder's lock file pins, by the Node of the Python environment.
node_modules() {
  local folder=$1 node
  node=$(node_folder)
  if cmp -s "$folder/package-lock.json" "$folder/node_modules/installed-lock.json"; then
    return
  fi
  echo "Installing the Node modules of $folder"
  (
    cd "$folder"
    PATH=$node/bin:$PATH timeout 900 node "$node/lib/node_modules/npm/bin/npm-cli.js" \
      ci --no-audit --no-fund --ignore-scripts --no-update-notifier --loglevel=error </dev/null
  )
  cp "$folder/package-lock.json" "$folder/node_modules/installed-lock.json"
}

case ${1:-all} in
  packages) install_packages ;;
  kit)
    install_packages
    python_environment
    node_modules conformance
    ;;
  soap)
    install_packages
    python_environment
    node_modules tests/soap/node
    ;;
  all)
    install_packages
    python_environment
    ;;
  *) die "usage: setup.sh [packages|kit|soap]" ;;
esac

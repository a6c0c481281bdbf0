#!/bin/busybox sh
# First stage, from the initramfs: reach the host's files, put a memory layer
# over them so that nothing written here is seen there, and go on from them.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev

fail() {
  echo "lab: $*" >/dev/console
  poweroff -f
}

while read -r module; do
  insmod "/modules/$module" || fail "cannot load $module"
done </modules/order

mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=524288,cache=loose host /host ||
  fail "cannot mount the host's root"
mount -t tmpfs -o size=75% upper /upper
mkdir /upper/files /upper/work
mount -t overlay -o lowerdir=/host,upperdir=/upper/files,workdir=/upper/work root /root ||
  fail "cannot lay a memory layer over the host's root"

mount -t tmpfs -o mode=755 run /root/run
mount -t proc proc /root/proc
mount -t sysfs sys /root/sys
mount --move /dev /root/dev
mkdir -p /root/run/lab
cp /job/* /root/run/lab/
umount /sys /proc
exec switch_root /root /bin/sh /run/lab/stage.sh

# Second stage, on the host's files: what a system's boot would have set up,
# then the job. Says on the control port when it starts and how it ended.
. /run/lab/settings.sh
export PATH HOME=/root LANG=C.UTF-8

for port in /sys/class/virtio-ports/*; do
  read -r name <"$port/name"
  eval "port_$name=/dev/${port##*/}"
done
exec 3<>"$port_control"

mkdir -p /dev/pts /dev/shm /run/netns /run/lock /usr/lib/modules
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
ln -sf /proc/self/fd /dev/fd
ln -sf /proc/self/fd/0 /dev/stdin
ln -sf /proc/self/fd/1 /dev/stdout
ln -sf /proc/self/fd/2 /dev/stderr
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount --bind "$LAB_MODULES" /usr/lib/modules
ip link set lo up
hostname lab

index=0
for directory in $LAB_WRITABLE; do
  mkdir -p "$directory"
  mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=none "writable$index" "$directory"
  index=$((index + 1))
done
if [ -n "$LAB_NETWORK" ]; then
  ip link set eth0 up
  ip address add 10.0.2.15/24 dev eth0
fi

# A pipe each: a program that opens /dev/stdout again could not open a port twice.
mkfifo /run/lab/out /run/lab/err
cat /run/lab/out >"$port_out" & out=$!
cat /run/lab/err >"$port_err" & err=$!
echo "start" >&3

# A shell's background jobs ignore SIGINT; this one is to be told.
setsid env --default-signal=INT,QUIT /bin/sh /run/lab/job.sh </dev/null >/run/lab/out 2>/run/lab/err 3>&- &
job=$!
# Signals from the host's end go to the job and its children.
(while read -r signal <&3; do kill -s "$signal" -- "-$job"; done) 2>/dev/null &
wait "$job"
code=$?

# What the job left running may hold the pipes open: it has had its time.
( sleep 5; kill "$out" "$err" ) 2>/dev/null &
wait "$out" "$err"
echo "exit $code" >&3
# The host ends the machine once it has read that line; this is for when it is gone.
sleep 10
echo o >/proc/sysrq-trigger

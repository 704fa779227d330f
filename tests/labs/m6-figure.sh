# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "M6: the figure: a parent and a child with /bin slave, /lib shared, /proc private, /root unbindable"
need_root

say "A small root, /run/fig, with four mounts. In the parent /bin and /lib are shared, /proc is private, /root is" \
	"unbindable. The child is a copy, in which /bin is made a slave."
show 'mkdir /run/fig && mount -t tmpfs fig /run/fig && cd /run/fig && mkdir bin lib proc root'
show 'for d in bin lib proc root; do mount -t tmpfs $d $d; mkdir $d/x; done'
show 'mountprop --make-shared /run/fig/bin /run/fig/lib'
show 'mountprop --make-private /run/fig/proc && mountprop --make-unbindable /run/fig/root'
show 'cd /'
show_start 'nsunshare --mount --propagation unchanged sleep 1000'
child=$PID
in_child() { [[ $(ns_of "$child" mnt) != "$(ns_of self mnt)" ]]; }
wait_for in_child
show "mountprop -N $child --make-slave /run/fig/bin"
show 'mountprop -R -o TARGET,PROPAGATION,GROUP,MASTER,PEERS /run/fig'
show "mountprop -N $child -R -o TARGET,PROPAGATION,GROUP,MASTER,PEERS /run/fig"

say "Who hears of a mount on each? From either side."
for side in '' "-N $child "; do
	for place in bin lib proc; do
		show "mountprop $side--peers /run/fig/$place"
		if [[ $place == proc || ($place == bin && -n $side) ]]; then
			assert "nobody but itself" test "$(wc -l <<<"$shown")" -eq 2
		else
			assert "both" test "$(wc -l <<<"$shown")" -eq 3
		fi
	done
done

say "And what a mount would do, in each place, from each side; then we do it."
places() { # where new mounts of a namespace are: "NS TARGET STATE"
	mountprop --all-namespaces -l -r -n -o MNTNS,TARGET,PROPAGATION -S new | sort
}
for side in parent child; do
	for place in bin lib proc; do
		option='' run=''
		if [[ $side == child ]]; then
			option="-N $child " run="nsjoin --mount=$child "
		fi
		show "mountprop $option--predict mount /run/fig/$place/x"
		foretold=$(eval "mountprop $option--predict -r -n -o MNTNS,TARGET,PROPAGATION mount /run/fig/$place/x" | sort)
		show "${run}mount -t tmpfs new /run/fig/$place/x"
		assert "$side, $place: as foretold" test "$(places)" = "$foretold"
		show "${run}umount /run/fig/$place/x"
		assert "and gone" test -z "$(places)"
	done
done

say "An unbindable mount cannot be bound, nor copied with what it stands on."
show 'mkdir /run/copy && mountprop --predict bind /run/fig/root /run/copy'
assert "the kernel would refuse" grep -q EINVAL <<<"$shown"
show 'mountprop --predict -n -o TARGET rbind /run/fig /run/copy'
refute "an rbind leaves it out" grep -q root <<<"$shown"

say "The picture, for Graphviz: mountprop --dot /run/fig | dot -Tsvg"
show 'mountprop --dot /run/fig >/run/copy/fig.dot && grep -c "peer group" /run/copy/fig.dot'
assert "with two peer groups" test "$shown" -eq 2
show 'rm -r /run/copy'
stop "$child"
show 'umount -R /run/fig && rmdir /run/fig'

#!/bin/sh
# Run once by a Job: redis-0, 1 and 2 get a third of the slots each, 3, 4 and 5 follow one of them.
# What was done before is refused by the nodes, and a cluster that has its slots is left alone.
node() {
  number=$1
  shift
  redis-cli -h "redis-$number.redis" "$@"
}
tells() { node "$1" cluster info | grep -q "$2"; }

until tells 0 cluster_known_nodes:6; do
  for n in 1 2 3 4 5; do
    address=$(getent hosts "redis-$n.redis" | cut -d ' ' -f 1)
    [ -z "$address" ] || node 0 cluster meet "$address" 6379
  done
  sleep 1
done
tells 0 cluster_slots_assigned:16384 && exit 0
for n in 0 1 2; do
  until tells $((n + 3)) cluster_known_nodes:6; do sleep 1; done
  node $((n + 3)) cluster replicate "$(node "$n" cluster myid)"
done
node 0 cluster addslotsrange 0 5460
node 1 cluster addslotsrange 5461 10922
node 2 cluster addslotsrange 10923 16383
for n in 0 1 2 3 4 5; do
  until tells "$n" cluster_slots_ok:16384; do sleep 1; done
done

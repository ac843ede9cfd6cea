package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

func kv(ctx context.Context, c *clientv3.Client) error {
	put, err := c.Put(ctx, "kv/a", "1")
	if err != nil {
		return err
	}
	first := put.Header.Revision
	second, err := c.Put(ctx, "kv/b", "2")
	if err != nil {
		return err
	}
	replaced, err := c.Put(ctx, "kv/a", "3", clientv3.WithPrevKV())
	if err != nil {
		return err
	}
	all, err := c.Get(ctx, "kv/", clientv3.WithPrefix())
	if err != nil {
		return err
	}
	newest, err := c.Get(ctx, "kv/", clientv3.WithLastRev()...)
	if err != nil {
		return err
	}
	past, err := c.Get(ctx, "kv/a", clientv3.WithRev(first))
	if err != nil {
		return err
	}
	deleted, err := c.Delete(ctx, "kv/", clientv3.WithPrefix(), clientv3.WithPrevKV())
	if err != nil {
		return err
	}
	nothing, err := c.Get(ctx, "kv/", clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil {
		return err
	}
	if _, err := c.Compact(ctx, first+2, clientv3.WithCompactPhysical()); err != nil {
		return err
	}
	_, compacted := c.Get(ctx, "kv/a", clientv3.WithRev(first))
	a := all.Kvs[0]
	return errors.Join(
		equal("revision of the second put", second.Header.Revision, first+1),
		equal("the value before", string(replaced.PrevKv.Value), "1"),
		equal("all keys", pairs(all), []string{"kv/a=3", "kv/b=2"}),
		equal("create, mod, version", []int64{a.CreateRevision, a.ModRevision, a.Version}, []int64{first, first + 2, 2}),
		equal("the newest key", pairs(newest), []string{"kv/a=3"}),
		equal("the past", pairs(past), []string{"kv/a=1"}),
		equal("what was deleted", []int{int(deleted.Deleted), len(deleted.PrevKvs)}, []int{2, 2}),
		equal("what is left", nothing.Count, int64(0)),
		refused("a compacted revision", compacted, "etcdserver: mvcc: required revision has been compacted"),
	)
}

func pairs(found *clientv3.GetResponse) []string {
	pairs := make([]string, 0, len(found.Kvs))
	for _, kv := range found.Kvs {
		pairs = append(pairs, fmt.Sprintf("%s=%s", kv.Key, kv.Value))
	}
	return pairs
}

func txn(ctx context.Context, c *clientv3.Client) error {
	create := func() (*clientv3.TxnResponse, error) {
		return c.Txn(ctx).
			If(clientv3.Compare(clientv3.CreateRevision("txn/a"), "=", 0)).
			Then(clientv3.OpPut("txn/a", "mine")).
			Else(clientv3.OpGet("txn/a")).
			Commit()
	}
	made, err := create()
	if err != nil {
		return err
	}
	again, err := create()
	if err != nil {
		return err
	}
	inner := clientv3.OpTxn(nil, []clientv3.Op{clientv3.OpPut("txn/b", "x")}, nil)
	nested, err := c.Txn(ctx).
		If(clientv3.Compare(clientv3.Value("txn/a"), "=", "mine"), clientv3.Compare(clientv3.Version("txn/a"), ">", 0)).
		Then(clientv3.OpDelete("txn/a"), inner).
		Commit()
	if err != nil {
		return err
	}
	left, err := c.Get(ctx, "txn/", clientv3.WithPrefix())
	if err != nil {
		return err
	}
	found := again.Responses[0].GetResponseRange().Kvs[0]
	return errors.Join(
		equal("who succeeded", []bool{made.Succeeded, again.Succeeded, nested.Succeeded}, []bool{true, false, true}),
		equal("what the second found", string(found.Value), "mine"),
		equal("its revision", found.ModRevision, made.Header.Revision),
		equal("the inner transaction", nested.Responses[1].GetResponseTxn().Succeeded, true),
		equal("what is left", pairs(left), []string{"txn/b=x"}),
		transfers(ctx, c),
	)
}

// transfers moves an amount between two accounts, many at a time, by software transactional memory. The isolation is not
// the default, which reads at the revision of its first read from any member, where that may still be in the future.
func transfers(ctx context.Context, c *clientv3.Client) error {
	for account, amount := range map[string]string{"stm/from": "100", "stm/to": "0"} {
		if _, err := c.Put(ctx, account, amount); err != nil {
			return err
		}
	}
	transfer := func(stm concurrency.STM) error {
		from, err := strconv.Atoi(stm.Get("stm/from"))
		if err != nil {
			return err
		}
		to, err := strconv.Atoi(stm.Get("stm/to"))
		if err != nil {
			return err
		}
		stm.Put("stm/from", strconv.Itoa(from-1))
		stm.Put("stm/to", strconv.Itoa(to+1))
		return nil
	}
	const count = 20
	done := make(chan error, count)
	for range count {
		go func() {
			isolation := concurrency.WithIsolation(concurrency.RepeatableReads)
			_, err := concurrency.NewSTM(c, transfer, isolation, concurrency.WithAbortContext(ctx))
			done <- err
		}()
	}
	var failures error
	for range count {
		failures = errors.Join(failures, <-done)
	}
	accounts, err := c.Get(ctx, "stm/", clientv3.WithPrefix())
	if err != nil {
		return err
	}
	return errors.Join(failures, equal("the accounts", pairs(accounts), []string{"stm/from=80", "stm/to=20"}))
}

func auth(ctx context.Context, c *clientv3.Client) (err error) {
	steps := []func() error{
		func() error { _, err := c.UserAdd(ctx, "root", "secret"); return err },
		func() error { _, err := c.UserGrantRole(ctx, "root", "root"); return err },
		func() error { _, err := c.UserAdd(ctx, "eve", "word"); return err },
		func() error { _, err := c.RoleAdd(ctx, "reader"); return err },
		func() error {
			end := clientv3.GetPrefixRangeEnd("auth/")
			_, err := c.RoleGrantPermission(ctx, "reader", "auth/", end, clientv3.PermissionType(clientv3.PermReadWrite))
			return err
		},
		func() error { _, err := c.UserGrantRole(ctx, "eve", "reader"); return err },
		func() error { _, err := c.AuthEnable(ctx); return err },
	}
	for number, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", number+1, err)
		}
	}
	root, err := connect("root", "secret")
	if err != nil {
		return err
	}
	defer root.Close()
	err = authEnabled(ctx, c)
	if _, disabled := root.AuthDisable(ctx); disabled != nil {
		return errors.Join(err, disabled)
	}
	found, failed := c.Get(ctx, "auth/a")
	if failed != nil {
		return errors.Join(err, failed)
	}
	return errors.Join(err, equal("what anyone reads afterwards", pairs(found), []string{"auth/a=1"}))
}

func authEnabled(ctx context.Context, anonymous *clientv3.Client) error {
	eve, err := connect("eve", "word")
	if err != nil {
		return err
	}
	defer eve.Close()
	if _, err := eve.Put(ctx, "auth/a", "1"); err != nil {
		return err
	}
	found, err := eve.Get(ctx, "auth/a")
	if err != nil {
		return err
	}
	_, elsewhere := eve.Put(ctx, "other", "1")
	_, nobody := anonymous.Get(ctx, "auth/a")
	_, wrong := connect("eve", "wrong")
	return errors.Join(
		equal("what eve reads", pairs(found), []string{"auth/a=1"}),
		refused("eve elsewhere", elsewhere, "etcdserver: permission denied"),
		refused("nobody", nobody, "etcdserver: user name is empty"),
		refused("a wrong password", wrong, "etcdserver: authentication failed, invalid user ID or password"),
	)
}

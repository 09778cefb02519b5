import { Api } from '@serverless-stack/resources';
import { MORE_ROUTES } from './more.js';

export function Bench({ stack }) {
	const api = new Api(stack, 'Api', {
		routes: {
			'GET /hello': 'functions/hello.handler',
			'GET /hello-iam': { function: 'functions/hello.handler', authorizer: 'iam' },
			'GET /slow': 'functions/slow.handler',
			'POST /echo': 'functions/echo.handler',
			'GET /live': 'functions/live.handler',
			'GET /cold/0': 'functions/cold0.handler',
			'GET /cold/1': 'functions/cold1.handler',
			'GET /cold/2': 'functions/cold2.handler',
			'GET /cold/3': 'functions/cold3.handler',
			'GET /cold/4': 'functions/cold4.handler',
			...Object.fromEntries(
				Array.from({ length: MORE_ROUTES }, (_, i) => [
					`GET /more/${i}/items/{id}`,
					'functions/hello.handler',
				]),
			),
		},
	});
	stack.addOutputs({ ApiEndpoint: api.url });
}

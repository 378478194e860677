from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import AuthenticatedRequest
from newsfeed.api.idempotency import idempotent
from newsfeed.api.paging import page_response, parse_page
from newsfeed.mysql.replica import may_read_replica
from posts import openapi
from posts.selectors import get_post_or_raise, posts_of_user
from posts.serializers import PostContentSerializer, PostSerializer
from posts.services import create_post, delete_post, edit_post


class PostListView(APIView):
    @openapi.create_post
    @idempotent(location="post")
    def post(self, request: AuthenticatedRequest) -> Response:
        form = PostContentSerializer.validated(request.data)
        post = create_post(user_id=request.user.pk, **form)
        post.user = request.user  # loaded already: spares a query
        return Response(PostSerializer(post).data, status=201)


class PostView(APIView):
    @openapi.get_post
    @may_read_replica
    def get(self, request: AuthenticatedRequest, post_id: int) -> Response:
        return Response(PostSerializer(get_post_or_raise(post_id)).data)

    @openapi.edit_post
    def patch(self, request: AuthenticatedRequest, post_id: int) -> Response:
        form = PostContentSerializer.validated(request.data)
        post = edit_post(user_id=request.user.pk, post_id=post_id, **form)
        return Response(PostSerializer(post).data)

    @openapi.delete_post
    def delete(self, request: AuthenticatedRequest, post_id: int) -> Response:
        delete_post(user_id=request.user.pk, post_id=post_id)
        return Response(status=204)


class UserPostsView(APIView):
    @openapi.list_user_posts
    @may_read_replica
    def get(self, request: AuthenticatedRequest, user_id: int) -> Response:
        posts, next_cursor = posts_of_user(user_id, parse_page(request))
        return page_response(request, PostSerializer(posts, many=True).data, next_cursor)
